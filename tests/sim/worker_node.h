// The simulated twin of workers/runner.h: a real ConsumerCore on PeerLinks, and executors that take everything
// that waits for them as one batch and give it to a real ServiceSet (batch plan, slices, age check), whose
// handlers apply to the store model. Threads are modelled as events: a batch is taken, its round trip
// commits, its answers leave, each at its own time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bus/consumer_core.h"
#include "tests/sim/judge.h"
#include "tests/sim/options.h"
#include "tests/sim/peer_link.h"
#include "tests/sim/store_model.h"

namespace parley {
struct Answered;
}

namespace parley::sim {

class WorkerNode : public Node {
 public:
  WorkerNode(Universe& universe, const WorldOptions& options, Judge& judge, StoreModel& store,
             std::string name, std::vector<ServiceId> services)
      : Node(universe, std::move(name)),
        options_(options),
        judge_(judge),
        store_(store),
        services_(std::move(services)) {}

  void add_link(Link& link) { links_.push_back(&link); }
  // Gateways that deliveries go to.
  void add_gateway(InstanceId gateway) { gateways_.push_back(gateway); }
  bool is_up_everywhere() const;
  bool is_idle() const;

 private:
  struct Executor;
  using ExecutorPtr = std::shared_ptr<Executor>;

  void on_start() override;
  void on_terminate() override;
  void on_end() override;
  void turn() override;
  void flush() override;

  void connect(std::size_t broker);
  std::string registration() const;
  ExecutorPtr make_executor();
  void on_message(std::size_t broker, const EnvelopeHeader& header, std::string_view body);
  void begin_batch(const ExecutorPtr& executor);
  void end_batch(const ExecutorPtr& executor);
  void reply(const Answered& answered);
  void deliver(std::uint64_t key);
  void perform();
  void check_drained();
  bool is_alive() const;

  const WorldOptions& options_;
  Judge& judge_;
  StoreModel& store_;
  const std::vector<ServiceId> services_;
  std::vector<Link*> links_;
  std::vector<InstanceId> gateways_;

  std::unique_ptr<ConsumerCore> core_;
  std::vector<std::unique_ptr<PeerLink>> connections_;
  std::vector<ExecutorPtr> executors_;
  std::uint64_t delivered_ = 0;
};

}  // namespace parley::sim
