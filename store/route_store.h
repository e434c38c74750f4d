// Which gateways hold connections of which user: a cache, in Redis, that may vanish at any moment. Never on
// the way of an ack. Implementations: store/redis, store/memory. One thread each; every call is bounded
// by 200 ms, and a breaker makes calls fail at once while the cache is away.
#pragma once

#include <span>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace parley {

struct Routes {
  // One list per user asked, in order.
  std::vector<std::vector<InstanceId>> gateways;
  // The cache was emptied since it was last filled: the lists are incomplete. Ask the gateways to report
  // again, and deliver to all of them until they have.
  bool incomplete = false;
};

class RouteStore {
 public:
  virtual ~RouteStore() = default;

  // retry_later: the cache cannot answer now.
  virtual Result<Routes> lookup(std::span<const UserId> users) = 0;
  virtual Status add(InstanceId gateway, std::span<const UserId> users) = 0;
  virtual Status remove(InstanceId gateway, std::span<const UserId> users) = 0;
  // Says that the gateways have been asked to report again: `incomplete` is false from now on.
  virtual Status mark_refilled() = 0;
};

}  // namespace parley
