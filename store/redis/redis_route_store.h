// Routes in Redis:
//   parley:route:<user>    a set of gateways' instance ids, in decimal; forgotten after an hour in
//                          which no gateway named the user
//   parley:routes:emptied  a number, made by the first lookup that finds none: one for each time that
//                          everything, or some user's set, was lost
//   parley:routes:complete the number of the loss that was made good last: the sets are complete while
//                          the two are equal
// What is found there is not trusted: a key of another type is deleted and everything reported
// again, a member that is no id is removed, and no more than gateways_max members are read.
#pragma once

#include "store/redis/circuit_breaker.h"
#include "store/redis/connection.h"
#include "store/route_store.h"

namespace parley {

class RedisRouteStore final : public RouteStore {
 public:
  static constexpr Duration call_limit = 200ms;
  static constexpr std::size_t gateways_max = 64;  // of one user

  explicit RedisRouteStore(RedisAddress address);

  Result<Routes> lookup(std::span<const UserId> users) override;
  Status add(InstanceId gateway, std::span<const UserId> users) override;
  Status remove(InstanceId gateway, std::span<const UserId> users) override;
  Status mark_refilled(std::uint64_t emptied) override;

 private:
  using Replies = std::vector<RedisReply>;
  // Behind the breaker. Error replies are the caller's to judge.
  Result<Replies> call(std::span<const RedisCommand> commands);
  // The same; every reply but WRONGTYPE errors must be good, then those keys are deleted, and
  // `parley:routes:emptied` with them. Returns which commands met such a key.
  Result<std::vector<std::size_t>> call_and_repair(std::span<const RedisCommand> commands,
                                                   Replies* replies);

  // The number of the present loss. Where there is none, or nonsense, everything was lost just now.
  Result<std::uint64_t> number_of_loss(const RedisReply& emptied);

  CircuitBreaker breaker_;
  RedisConnection connection_;
};

}  // namespace parley
