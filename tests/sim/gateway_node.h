// The simulated twin of bus/publisher.h, a real PublisherCore on PeerLinks, with callers that ask and wait.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "bus/publisher_core.h"
#include "tests/sim/judge.h"
#include "tests/sim/options.h"
#include "tests/sim/peer_link.h"

namespace parley::sim {

class GatewayNode : public Node {
 public:
  GatewayNode(Universe& universe, const WorldOptions& options, Judge& judge, std::string name)
      : Node(universe, std::move(name)), options_(options), judge_(judge) {}

  void add_link(Link& link) { links_.push_back(&link); }
  // Callers stop asking by themselves; what is asked after that is asked by ask().
  void stop_callers() { callers_ask_ = false; }
  enum class Body { random, small, poison };
  void ask(std::uint16_t verb, std::uint64_t key, Body body);

  bool is_up_everywhere() const;
  std::size_t pending() const { return core_ ? core_->pending() : 0; }

 private:
  void on_start() override;
  void on_terminate() override;
  void on_end() override;
  void turn() override;
  void flush() override;

  void connect(std::size_t broker);
  void on_message(std::size_t broker, const EnvelopeHeader& header, std::string_view body);
  void on_delivery(std::size_t broker, const EnvelopeHeader& header, std::string_view body);
  void answer(const EnvelopeHeader& header, std::string_view body);
  void perform();
  void tick();
  void ask_next();
  void ask_something();

  const WorldOptions& options_;
  Judge& judge_;
  std::vector<Link*> links_;
  BootId boot_;
  std::unique_ptr<PublisherCore> core_;
  std::vector<std::unique_ptr<PeerLink>> connections_;
  bool callers_ask_ = true;
  // The last delivery of a (worker's life, key, broker) that arrived in this life.
  std::map<std::string, std::uint64_t, std::less<>> delivered_;
};

}  // namespace parley::sim
