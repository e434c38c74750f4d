// The worker's side of the bus: registers its services with every broker of its list, receives requests
// within the credit it granted, sends replies and deliveries. Thread: the loop's; not to be destroyed from
// within one of its handlers. Core (pure): consumer_core.h.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "bus/endpoint.h"
#include "bus/bus_request.h"
#include "proto/envelope.h"
#include "proto/verbs.h"

namespace parley {

struct ConsumerOptions {
  std::string instance;              // lasting name, unique on the bus: "worker-1"
  std::vector<BusEndpoint> brokers;  // the brokers' worker side
  std::vector<ServiceId> services;
  std::uint32_t credit_messages = 1'024;
  std::uint32_t credit_bytes = 8 << 20;
};

class Consumer {
 public:
  struct Handlers {
    std::function<void(BusRequest request)> on_request;
    // A delivery was addressed to a gateway that no broker knows: its routes are stale.
    std::function<void(InstanceId gateway, std::string_view delivery_body)> on_unreachable;
    // Whether the process still does its work. While it returns false pings are not answered, so that
    // a worker whose executors hang looks dead to the brokers.
    std::function<bool()> is_alive;
    // Whether nothing is on its way any more that deliver() will be called for: a drain waits for it, too.
    // Null: nothing ever is.
    std::function<bool()> is_idle = {};
    // An operator wants this process to leave; may come from several brokers. Null: nobody can make it.
    std::function<void()> on_drain = {};
  };

  Consumer(Loop& loop, ConsumerOptions options, Handlers handlers, Metrics& metrics);
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  // Answers a request: exactly once each. Filled in here: kind and id. An error travels as header.error.
  void reply(const BusRequest& request, EnvelopeHeader header, std::string_view body);
  // Sends delivery items (delivery.h) to one gateway, or to all with InstanceId{0}. The broker is chosen by
  // `key`, as for requests, so that deliveries of one conversation travel one way.
  void deliver(InstanceId gateway, std::uint64_t key, std::string_view items);
  // Sends delivery items to all gateways through every broker, because a gateway may not be registered at
  // one of them: they arrive as often as there are brokers. For what gateways may be told twice.
  void announce(std::string_view items);

  // Tells the brokers to send nothing new; `done` is called once, when every request was answered and
  // is_idle, or `limit` has passed.
  void drain(Duration limit, std::function<void()> done);
  bool healthy() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace parley
