// Which gateways hold connections of which user: a cache, in Redis, that may vanish at any moment. Never on
// the way of an ack. Implementations: store/redis, store/memory. One thread each; a call is
// at most four pipelines of at most 200 ms each, and a breaker makes calls fail at once while the cache is
// away.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace parley {

struct Routes {
  // One list per user asked, in order.
  std::vector<std::vector<InstanceId>> gateways;
  // The cache was emptied since it was last filled: the lists are incomplete. Ask the gateways to report
  // again, and deliver to all of them until they have. A number of its own for each time it is emptied.
  std::optional<std::uint64_t> emptied;
};

class RouteStore {
 public:
  virtual ~RouteStore() = default;

  // retry_later: the cache cannot answer now.
  virtual Result<Routes> lookup(std::span<const UserId> users) = 0;
  virtual Status add(InstanceId gateway, std::span<const UserId> users) = 0;
  virtual Status remove(InstanceId gateway, std::span<const UserId> users) = 0;
  // The gateways have reported again since it was emptied that time: it is complete, unless it was emptied
  // once more meanwhile. Said late, after that one was made good too, it may make it incomplete again: then
  // all is asked about once more.
  virtual Status mark_refilled(std::uint64_t emptied) = 0;
};

}  // namespace parley
