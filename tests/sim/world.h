// One world: what its seed says there is, first under faults (safety: nothing wrong ever happens), then
// healed (liveness: everything becomes well within a bounded time).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/broker_node.h"
#include "tests/sim/gateway_node.h"
#include "tests/sim/judge.h"
#include "tests/sim/nemesis.h"
#include "tests/sim/options.h"
#include "tests/sim/store_model.h"
#include "tests/sim/worker_node.h"

namespace parley::sim {

struct Report {
  std::optional<std::string> violation;
  Judge::Counts counts;
  std::uint64_t events = 0;
  std::uint64_t faults = 0;
  std::uint64_t repeats = 0;
};

enum class Verbosity { quiet, every_step };

class World {
 public:
  World(std::uint64_t seed, Verbosity verbosity);
  Report run();

 private:
  void build();
  template <typename PeerNode>
  void link(PeerNode& peer, BrokerNode& broker, Side side);
  bool serves(const ServiceId service) const;
  bool is_converged() const;
  void converge();
  void probe();
  void probe(GatewayNode& gateway, std::size_t service, std::uint64_t key);

  Universe universe_;
  const WorldOptions options_;
  Judge judge_;
  StoreModel store_;
  std::vector<std::unique_ptr<BrokerNode>> brokers_;
  std::vector<std::unique_ptr<GatewayNode>> gateways_;
  std::vector<std::unique_ptr<WorkerNode>> workers_;
  std::vector<std::unique_ptr<Link>> links_;
  std::unique_ptr<Nemesis> nemesis_;
};

}  // namespace parley::sim
