// Redis: dead, empty, full of nonsense, silent, closed to us.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <charconv>
#include <filesystem>

#include "tests/fault/havoc.h"
#include "tests/support/eventually.h"

namespace parley::test {
namespace {

constexpr const char* server = "redis";

std::int64_t to_number(std::string_view text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// Of a section of INFO, the number after "name:" (and "count=", where there is one); 0: not there.
std::int64_t info(Cluster& cluster, const std::string& section, const std::string& name) {
  const std::string text = cluster.redis({"INFO", section});
  std::size_t at = text.find(name + ":");
  if (at == std::string::npos) return 0;
  at += name.size() + 1;
  if (text.compare(at, 6, "count=") == 0) at += 6;
  return to_number(std::string_view(text).substr(at));
}

std::int64_t keys(Cluster& cluster) { return to_number(cluster.redis({"DBSIZE"})); }

Broken kill(Scene& scene) {
  const std::int64_t before = scene.cluster.pid(server);
  scene.cluster.kill9(server);
  return {server, [=, &scene]() -> Proof {
            scene.cluster.start(server);
            const std::int64_t after = scene.cluster.pid(server);
            return {before, after, fmt::format("pid {} → {}", before, after)};
          }};
}

Broken stop(Scene& scene) {
  const std::int64_t pid = scene.cluster.pid(server);
  const char before = state_of(pid);
  scene.cluster.stop(server);
  eventually(1s, [&] { return state_of(pid) == 'T'; });
  return {server, [=, &scene]() -> Proof {
            const char during = state_of(pid);
            scene.cluster.cont(server);
            return {before, during == 'T' ? 'T' : 0,
                    fmt::format("state of {} {} → {}", pid, before, during)};
          }};
}

// An empty cache is no fault: a key of ours makes sure that there was something to lose.
Broken flush(Scene& scene) {
  scene.cluster.redis({"SET", "parley:chaos", "1"});
  const std::int64_t before = keys(scene.cluster);
  scene.cluster.redis({"FLUSHALL"});
  const std::string left = scene.cluster.redis({"EXISTS", "parley:chaos"});
  return {server, [=]() -> Proof {
            return {.before = 0,
                    .after = left == "0" ? before : 0,
                    .words = fmt::format("{} keys flushed", before)};
          }};
}

// What was a string is a set, what was something else a string.
Broken confuse_types(Scene& scene) {
  const std::int64_t changed = to_number(scene.cluster.redis(
      {"EVAL",
       "local n = 0 "
       "for _, key in ipairs(redis.call('KEYS', 'parley:*')) do "
       "  local kind = redis.call('TYPE', key).ok "
       "  redis.call('DEL', key) "
       "  if kind == 'string' then redis.call('SADD', key, 'x') "
       "  else redis.call('SET', key, 'xyz') end "
       "  n = n + 1 "
       "end "
       "return n",
       "0"}));
  return {server, [=] { return grown(0, changed, "keys of the wrong type"); }};
}

// A copy on disk that says it is complete, and sends everybody's messages to a gateway that is not.
Broken load_old_copy(Scene& scene) {
  Cluster& cluster = scene.cluster;
  cluster.redis({"EVAL",
                 "for _, key in ipairs(redis.call('KEYS', 'parley:route:*')) do "
                 "  redis.call('DEL', key) redis.call('SADD', key, '12345') "
                 "end "
                 "redis.call('SET', 'parley:routes:emptied', '1') "
                 "redis.call('SET', 'parley:routes:complete', '1')",
                 "0"});
  cluster.redis({"SAVE"});
  cluster.kill9(server);
  return {server, [&cluster] {
            cluster.start(server);
            std::error_code error;
            std::filesystem::remove(cluster.data() + "/redis/dump.rdb", error);
            EXPECT_FALSE(error) << error.message();
            return grown(0, info(cluster, "persistence", "rdb_last_load_keys_loaded"),
                         "keys loaded from an old copy");
          }};
}

Broken take_rights(Scene& scene) {
  Cluster& cluster = scene.cluster;
  const std::int64_t before = info(cluster, "errorstats", "errorstat_NOPERM");
  cluster.redis({"ACL", "SETUSER", "default", "-@all", "+acl", "+info", "+ping"});
  return {server, [=, &cluster] {
            const std::int64_t during = info(cluster, "errorstats", "errorstat_NOPERM");
            cluster.redis({"ACL", "SETUSER", "default", "+@all"});
            return grown(before, during, "commands refused");
          }};
}

Broken fill(Scene& scene) {
  Cluster& cluster = scene.cluster;
  const std::int64_t before = info(cluster, "memory", "maxmemory");
  cluster.redis({"CONFIG", "SET", "maxmemory", "1"});
  return {server, [=, &cluster]() -> Proof {
            const std::string answer =
                cluster.redis({"EVAL", "return redis.pcall('SET', 'parley:chaos', '1').err", "0"});
            cluster.redis({"CONFIG", "SET", "maxmemory", std::to_string(before)});
            return {0, answer.starts_with("OOM") || answer.find("OOM") != answer.npos ? 1 : 0,
                    "a write was answered with: " + answer.substr(0, 40)};
          }};
}

// It answers nobody, itself well; who asks meanwhile is answered afterwards.
Broken pause(Scene& scene) {
  constexpr std::int64_t length_ms = 5'000;
  Cluster& cluster = scene.cluster;
  cluster.redis({"CLIENT", "PAUSE", std::to_string(length_ms)});
  const Instant from = monotonic_now();
  return {server, [=, &cluster] {
            const Instant asked = monotonic_now();
            cluster.redis({"PING"});
            const Instant answered = monotonic_now();
            const bool waited = answered - asked > 500ms;
            return grown(0, waited ? to_ms(answered - from) : 0, "ms without an answer");
          }};
}

}  // namespace

std::vector<ChaosKind> cache_kinds() {
  using enum ChaosKind::Recovery;
  const auto kind = [](std::string name, Duration hold, Broken (*strike)(Scene&)) {
    return ChaosKind{.shape = {std::move(name), {Part::cache}},
                     .hold = hold,
                     .recovery = from_injection,
                     .target = 3s,
                     .strike = [strike](Scene& s, unsigned) { return strike(s); }};
  };
  return {
      kind("redis-kill", 1s, kill),
      kind("redis-stop", 10s, stop),
      kind("redis-flush", 0s, flush),
      kind("redis-wrong-types", 0s, confuse_types),
      kind("redis-old-copy", 500ms, load_old_copy),
      kind("redis-no-rights", 5s, take_rights),
      kind("redis-full", 5s, fill),
      kind("redis-pause", 3s, pause),
  };
}

}  // namespace parley::test
