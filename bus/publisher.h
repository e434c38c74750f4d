// The gateway's side of the bus: publishes requests, gets exactly one answer for each, receives deliveries.
// Connected to every broker of its list; a request goes to the one that rendezvous hashing of its key
// names among the healthy. When that broker dies its unanswered requests are published again, in order,
// to the next. Thread: the loop's; not to be destroyed from within one of its handlers. Core (pure):
// publisher_core.h.
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
#include "base/result.h"
#include "bus/endpoint.h"
#include "proto/envelope.h"

namespace parley {

struct PublisherOptions {
  std::string instance;              // lasting name, unique on the bus: "gateway-1"
  std::vector<BusEndpoint> brokers;  // the brokers' gateway side
  std::size_t pending_max = 20'000;  // unanswered; more: publish() refuses with retry_later
  std::size_t pending_bytes_max = 64 << 20;
  Duration request_timeout = 10s;    // after it on_reply is called with retry_later
};

class Publisher {
 public:
  struct Handlers {
    // Exactly once for each number that publish() returned. header.error != 0: no body.
    std::function<void(const EnvelopeHeader& header, std::string_view body)> on_reply;
    std::function<void(const EnvelopeHeader& header, std::string_view body)> on_delivery;
    // A broker (re)registered us. Until then deliveries that came through it were unreachable, and our
    // routes may have been removed for that: they have to be reported again.
    std::function<void()> on_connected;
    // An operator wants this process to leave; may come from several brokers. Null: nobody can make it.
    std::function<void()> on_drain = {};
  };

  Publisher(Loop& loop, PublisherOptions options, Handlers handlers, Metrics& metrics);
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  // Publishes a request. Filled in here: kind, id, attempt, ttl_ms. Returns its number.
  // retry_later: the bounds are reached; going_away: after close(). The answer never comes from within this call.
  Result<std::uint64_t> publish(EnvelopeHeader header, std::string_view body);

  std::size_t pending() const;
  // Whether at least one broker is registered and alive.
  bool healthy() const;
  InstanceId instance() const;
  // Says goodbye to the brokers; no handler is called any more.
  void close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace parley
