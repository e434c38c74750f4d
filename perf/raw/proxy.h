// The raw baseline of bar 3: zmq_proxy between a ROUTER and a DEALER, in a process of its own, as
// ZeroMQ's guide recommends it. It knows neither peers nor credit nor order.
#pragma once

#include "base/result.h"
#include "perf/child.h"
#include "perf/raw/bus_echo.h"

namespace parley::perf {

class Proxy {
 public:
  // Binds both addresses. io: one of them cannot be bound. Requires: as Child::start.
  static Result<Proxy> start(const BusAddress& address);
  pid_t pid() const { return child_.pid(); }

 private:
  explicit Proxy(Child child) : child_(std::move(child)) {}
  Child child_;
};

}  // namespace parley::perf
