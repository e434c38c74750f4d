#include "tests/fault/nemesis.h"

#include <gtest/gtest.h>
#include <poll.h>

#include "base/random.h"
#include "tests/support/eventually.h"

namespace parley::test {
namespace {

constexpr Duration drain_limit = 10s;
constexpr Duration evidence_limit = 5s;
constexpr std::uint64_t seed = 7;

void wait_until(Instant time) {
  while (monotonic_now() < time) poll(nullptr, 0, 5);
}

}  // namespace

Nemesis::Nemesis(Cluster& cluster, Script script)
    : cluster_(cluster), thread_([this, script = std::move(script)] {
        script(*this, cluster_);
        done_ = true;
      }) {}

Nemesis::~Nemesis() { thread_.join(); }

void Nemesis::wait(Duration length) { wait_until(monotonic_now() + length); }

void Nemesis::wait_ready() { EXPECT_TRUE(cluster_.wait_ready()); }

void Nemesis::kill(const std::string& name) {
  const Instant at = monotonic_now();
  const std::int64_t before = cluster_.pid(name);
  cluster_.kill9(name);
  cluster_.start(name);
  const std::int64_t after = cluster_.pid(name);
  faults_.add(at, "nemesis",
              Fault{.kind = "kill -9", .target = name, .before = before, .after = after});
}

void Nemesis::pause(const std::string& name, Duration length, const Evidence& evidence) {
  const std::int64_t before = evidence();
  const Instant at = monotonic_now();
  cluster_.stop(name);
  wait_until(at + length);
  cluster_.cont(name);
  std::int64_t after = before;
  eventually(evidence_limit, [&] { return (after = evidence()) != before; });
  faults_.add(at, "nemesis",
              Fault{.kind = "SIGSTOP", .target = name, .before = before, .after = after});
}

void Nemesis::restart(const std::string& name) {
  const Instant at = monotonic_now();
  const std::int64_t before = cluster_.pid(name);
  cluster_.terminate(name);
  const Duration drained = monotonic_now() - at;
  EXPECT_LE(drained, drain_limit) << name;
  cluster_.start(name);
  const std::int64_t after = cluster_.pid(name);
  faults_.add(at, "nemesis",
              Fault{.kind = "SIGTERM", .target = name, .before = before, .after = after});
  wait_ready();
}

Nemesis::Script kill_in_turn(std::vector<std::string> victims, Duration pace, Duration length) {
  return [=](Nemesis& nemesis, Cluster&) {
    const Instant end = monotonic_now() + length;
    std::size_t turn = 0;
    for (Instant next = monotonic_now() + pace; next < end; next += pace) {
      wait_until(next);
      nemesis.kill(victims[turn++ % victims.size()]);
    }
    wait_until(end);
  };
}

Nemesis::Script kill_at_random(std::vector<std::string> victims, Duration pace, Duration length) {
  return [=](Nemesis& nemesis, Cluster&) {
    Random random(seed);
    const Instant end = monotonic_now() + length;
    std::string last;
    for (Instant next = monotonic_now() + pace; next < end; next += pace) {
      wait_until(next);
      const std::string& victim = victims[random.below(victims.size())];
      if (!last.empty() && victim != last) nemesis.wait_ready();
      nemesis.kill(victim);
      last = victim;
    }
    wait_until(end);
  };
}

}  // namespace parley::test
