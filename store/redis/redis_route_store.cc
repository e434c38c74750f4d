#include "store/redis/redis_route_store.h"

#include <algorithm>
#include <charconv>

#include "base/assert.h"
#include "base/log.h"
#include "base/random.h"
#include "store/redis/redis_store.h"

namespace parley {
namespace {

constexpr const char* emptied_key = "parley:routes:emptied";
constexpr const char* complete_key = "parley:routes:complete";
constexpr const char* kept_seconds = "3600";

std::string route_key(UserId user) { return "parley:route:" + std::to_string(user.value); }

// Nothing if it is no number as we write them.
std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_whole = error == std::errc{} && end == text.data() + text.size();
  if (!is_whole || value == 0) return std::nullopt;
  return value;
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
  RedisCommand repair{"DEL", emptied_key};
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
  commands.push_back({"GET", complete_key});
  commands.push_back({"GET", emptied_key});
  Replies replies;
  PARLEY_TRY(const auto spoilt, call_and_repair(commands, &replies));

  Routes routes;
  std::vector<RedisCommand> garbage;
  for (std::size_t i = 0; i < users.size(); ++i) {
    auto& gateways = routes.gateways.emplace_back();
    if (replies[i].list.size() > gateways_max)
      return fail(Errc::retry_later, "redis: more members than were asked for");
    for (const std::string& member : replies[i].list) {
      if (const auto gateway = parse_number(member))
        gateways.push_back(InstanceId{*gateway});
      else
        garbage.push_back({"SREM", commands[i][1], member});
    }
    // Two spellings of one number are one gateway.
    std::ranges::sort(gateways);
    gateways.erase(std::unique(gateways.begin(), gateways.end()), gateways.end());
  }
  PARLEY_TRY(const std::uint64_t loss,
             number_of_loss(spoilt.empty() ? replies.back() : RedisReply{}));
  if (parse_number(replies[users.size()].text) != loss) routes.emptied = loss;
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

Result<std::uint64_t> RedisRouteStore::number_of_loss(const RedisReply& emptied) {
  if (const auto number = parse_number(emptied.text)) return *number;
  RedisCommand say{"SET", emptied_key, std::to_string(secure_random_id())};
  // Another worker may have said so meanwhile: one number for all. Nonsense is replaced.
  if (emptied.kind == RedisReply::Kind::nothing) say.push_back("NX");
  PARLEY_TRY(const Replies replies, call(std::array{say, RedisCommand{"GET", emptied_key}}));
  if (const auto number = parse_number(replies[1].text)) return *number;
  return fail(Errc::retry_later, "redis: the routes' number is " + replies[1].text);
}

// If it was emptied again meanwhile the numbers differ, whoever says what last.
Status RedisRouteStore::mark_refilled(std::uint64_t emptied) {
  const RedisCommand mark{"SET", complete_key, std::to_string(emptied)};
  PARLEY_TRY(const Replies replies, call(std::array{mark}));
  if (replies[0].kind != RedisReply::Kind::error) return {};
  return fail(Errc::retry_later, "redis: " + replies[0].text);
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
