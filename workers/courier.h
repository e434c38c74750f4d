// Brings deliveries to gateways: the one part of a worker that knows the route cache. It runs on a
// thread of its own, so that answers never wait for the cache: while it is slow or away, deliveries
// wait (crew.h bounds them) or go to every gateway, and nothing else notices.
#pragma once

#include <functional>
#include <variant>
#include <vector>

#include "base/metrics.h"
#include "store/route_store.h"
#include "workers/fanout.h"
#include "workers/lru.h"
#include "workers/route_repair.h"
#include "workers/service_set.h"

namespace parley {

// A gateway that the bus does not know, and what it was to get.
struct Unreachable {
  InstanceId gateway;
  std::string items;
};

// Answers of logins: each one's gateway becomes the user's route before its answer leaves, so that
// what is sent right after a login is already pushed to it. Without the cache they leave all the
// same.
struct Arrivals {
  std::vector<Answered> answers;
};

// What the courier is given: a request of a routes verb, logins that have succeeded, deliveries of
// a finished batch, or a stale route.
using CourierTask = std::variant<Job, Arrivals, std::vector<Delivery>, Unreachable>;
std::size_t bytes_of(const CourierTask& task);

struct CourierResult {
  std::vector<Answered> answers;
  std::vector<PackedDelivery> messages;
};

class Courier {
 public:
  using Emit = std::function<void(CourierResult)>;

  Courier(RouteStore& routes, ServiceSet services, std::size_t brokers, Metrics& metrics);

  // Stale routes first, then reports and logins, then all deliveries with a single lookup.
  void work(std::vector<CourierTask>& batch, const Moment& moment, const Emit& emit);

 private:
  // A gateway that a broker did not know. Its routes are removed and it is asked for its users in one
  // step, at most once per second: without the question a living gateway's routes would stay away.
  // What is found stale meanwhile is removed with the next question.
  struct Suspect {
    Instant asked;
    std::vector<UserId> stale = {};
  };

  void forget_route(const Unreachable& unreachable, Instant now, const Emit& emit);
  void admit(std::vector<Answered> arrived, const Emit& emit);
  void answer(std::vector<Job> jobs, const Moment& moment, const Emit& emit);
  void deliver(const std::vector<Delivery>& deliveries, Instant now, const Emit& emit);
  // Nothing: the lists cannot be trusted.
  const Routes* look_up(const std::vector<Delivery>& deliveries, Instant now, const Emit& emit);
  void repair(RouteRepair::Lookup lookup, Instant now, const Emit& emit);

  RouteStore& routes_;
  ServiceSet services_;
  std::uint64_t lanes_;
  RouteRepair repair_;
  Routes found_;  // of the last lookup
  Lru<InstanceId, Suspect> suspects_;
  Counter broadcasts_;
  Counter unreachables_;
};

}  // namespace parley
