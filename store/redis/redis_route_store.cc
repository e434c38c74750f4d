#include "store/redis/redis_route_store.h"

#include <algorithm>
#include <charconv>

#include "base/assert.h"
#include "base/log.h"
#include "store/redis/redis_store.h"

namespace parley {
namespace {

constexpr const char* filled_key = "parley:routes:filled";
constexpr const char* kept_seconds = "3600";

std::string route_key(UserId user) { return "parley:route:" + std::to_string(user.value); }

// Nothing if it is no id as we write them.
std::optional<InstanceId> parse_gateway(const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_whole = error == std::errc{} && end == text.data() + text.size();
  if (!is_whole || value == 0) return std::nullopt;
  return InstanceId{value};
}

}  // namespace

RedisRouteStore::RedisRouteStore(RedisAddress address) : connection_(std::move(address)) {}

Result<RedisRouteStore::Replies> RedisRouteStore::call(std::span<const RedisCommand> commands) {
  const Instant now = monotonic_now();
  if (!breaker_.may_call(now)) return fail(Errc::retry_later, "redis is away");
  auto replies = connection_.call(commands, now + call_limit);
  if (replies && breaker_.succeeded()) log::info("store.redis_back");
  if (!replies && breaker_.failed(monotonic_now())) {
    log::warn("store.redis_away", {{"reason", replies.error().detail}});
  }
  return replies;
}

Result<std::vector<std::size_t>> RedisRouteStore::call_and_repair(
    std::span<const RedisCommand> commands, Replies* replies) {
  PARLEY_TRY(*replies, call(commands));
  std::vector<std::size_t> spoilt;
  RedisCommand repair{"DEL", filled_key};
  for (std::size_t i = 0; i < replies->size(); ++i) {
    const RedisReply& reply = (*replies)[i];
    if (reply.kind != RedisReply::Kind::error) continue;
    if (!reply.is_wrong_type()) return fail(Errc::retry_later, "redis: " + reply.text);
    spoilt.push_back(i);
    repair.push_back(commands[i][1]);
  }
  if (spoilt.empty()) return spoilt;
  log::warn("store.redis_repaired", {{"keys", spoilt.size()}});
  PARLEY_TRY(const Replies repaired, call(std::array{repair}));
  if (repaired[0].kind == RedisReply::Kind::error) {
    return fail(Errc::retry_later, "redis: " + repaired[0].text);
  }
  return spoilt;
}

Result<Routes> RedisRouteStore::lookup(std::span<const UserId> users) {
  std::vector<RedisCommand> commands;
  commands.reserve(users.size() + 1);
  for (const UserId user : users) {
    commands.push_back({"SRANDMEMBER", route_key(user), std::to_string(gateways_max)});
  }
  // Last: if the cache is emptied between two commands of this pipeline, that is seen here.
  commands.push_back({"EXISTS", filled_key});
  Replies replies;
  PARLEY_TRY(const auto spoilt, call_and_repair(commands, &replies));

  Routes routes;
  std::vector<RedisCommand> garbage;
  for (std::size_t i = 0; i < users.size(); ++i) {
    auto& gateways = routes.gateways.emplace_back();
    if (replies[i].list.size() > gateways_max)
      return fail(Errc::retry_later, "redis: more members than were asked for");
    for (const std::string& member : replies[i].list) {
      if (const auto gateway = parse_gateway(member))
        gateways.push_back(*gateway);
      else
        garbage.push_back({"SREM", commands[i][1], member});
    }
    // Two spellings of one number are one gateway.
    std::ranges::sort(gateways);
    gateways.erase(std::unique(gateways.begin(), gateways.end()), gateways.end());
  }
  routes.incomplete = !spoilt.empty() || replies.back().integer == 0;
  if (!garbage.empty()) {
    log::warn("store.redis_repaired", {{"members", garbage.size()}});
    PARLEY_CHECK(call(garbage));
  }
  return routes;
}

Status RedisRouteStore::add(InstanceId gateway, std::span<const UserId> users) {
  std::vector<RedisCommand> commands;
  commands.reserve(2 * users.size());
  for (const UserId user : users) {
    commands.push_back({"SADD", route_key(user), std::to_string(gateway.value)});
    commands.push_back({"EXPIRE", route_key(user), kept_seconds});
  }
  if (commands.empty()) return {};
  Replies replies;
  PARLEY_TRY(const auto spoilt, call_and_repair(commands, &replies));
  if (spoilt.empty()) return {};
  PARLEY_TRY(const auto still_spoilt, call_and_repair(commands, &replies));
  if (still_spoilt.empty()) return {};
  return fail(Errc::retry_later, "redis: keys of another type come back");
}

Status RedisRouteStore::remove(InstanceId gateway, std::span<const UserId> users) {
  std::vector<RedisCommand> commands;
  commands.reserve(users.size());
  for (const UserId user : users) {
    commands.push_back({"SREM", route_key(user), std::to_string(gateway.value)});
  }
  if (commands.empty()) return {};
  Replies replies;
  PARLEY_CHECK(call_and_repair(commands, &replies));
  return {};
}

Status RedisRouteStore::mark_refilled() {
  Replies replies;
  PARLEY_TRY(const auto spoilt,
             call_and_repair(std::array{RedisCommand{"SET", filled_key, "1"}}, &replies));
  // SET replaces a value of any type; whatever says otherwise is no Redis.
  if (!spoilt.empty()) return fail(Errc::retry_later, "redis: SET was refused");
  return {};
}

Status check_redis_url(const StoreOptions& options) {
  PARLEY_CHECK(parse_redis_url(options.redis_url));
  return {};
}

std::unique_ptr<RouteStore> make_redis_route_store(const StoreOptions& options) {
  auto address = parse_redis_url(options.redis_url);
  PARLEY_ASSERT(address.has_value());
  return std::make_unique<RedisRouteStore>(*std::move(address));
}

}  // namespace parley
