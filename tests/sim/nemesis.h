// Does harm at random, at the rates that the world's options name, until heal() undoes all of it.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "tests/sim/link.h"
#include "tests/sim/options.h"
#include "tests/sim/store_model.h"

namespace parley::sim {

class Nemesis {
 public:
  struct Victims {
    std::vector<Node*> brokers, gateways, workers, all;
    std::vector<Link*> links;
    StoreModel* store = nullptr;
  };

  Nemesis(Universe& universe, const FaultRates& rates, Victims victims)
      : universe_(universe), rates_(rates), victims_(std::move(victims)) {}

  void begin();
  // Whoever died is started again after a while; without that nothing else makes sense.
  void supervise();
  // No more harm; what is stuck is free, what stands still goes on.
  void heal();

  std::uint64_t faults() const { return faults_; }

 private:
  void often(Duration mean, std::function<void()> harm);
  Node& one_of(const std::vector<Node*>& nodes) {
    return *nodes[universe_.random.below(nodes.size())];
  }
  Link& any_link() { return *victims_.links[universe_.random.below(victims_.links.size())]; }
  Duration a_while();
  void pause();
  void clog_one();
  void isolate();
  void clog(Link& link, Way way, Duration time);
  void free(std::uint64_t number);
  void slow_store();

  Universe& universe_;
  const FaultRates rates_;
  const Victims victims_;
  bool healed_ = false;
  std::uint64_t faults_ = 0;
  std::uint64_t clogs_ = 0;
  std::map<std::uint64_t, std::pair<Link*, Way>> clogged_;
  std::map<Node*, std::uint64_t> restarting_;  // the life after which it is being started
};

}  // namespace parley::sim
