// A worker at work: the consumer that brings requests from the bus, the crew that carries them out,
// and the way out. Thread: the loop's.
#pragma once

#include "bus/consumer.h"
#include "workers/crew.h"
#include "workers/event_sweeper.h"

namespace parley {

struct RunnerOptions {
  std::string name;
  std::vector<BusEndpoint> brokers;
  std::uint32_t credit_messages = 1'024;
  std::uint32_t credit_bytes = 8 << 20;
  CrewOptions crew;
  SweepOptions sweep = {};
};

class Runner {
 public:
  Runner(Loop& loop, RunnerOptions options, const std::function<Stores()>& make_stores,
         const PasswordHasher& hasher, Metrics& metrics);

  // Takes nothing new, finishes what is inside within 8 s, then stops the loop. What is left
  // unanswered by then is given to another worker by the brokers. An operator makes it do so, too.
  void drain();

 private:
  void receive(BusRequest request);
  void refuse(const BusRequest& request);
  void deliver(const PackedDelivery& message);

  Loop& loop_;
  std::unique_ptr<Crew> crew_;
  std::unique_ptr<Consumer> consumer_;
  std::unique_ptr<EventSweeper> sweeper_;  // if this worker serves `event`
  bool draining_ = false;
};

}  // namespace parley
