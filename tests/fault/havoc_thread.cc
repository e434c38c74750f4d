#include "tests/fault/havoc_thread.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace parley::test {
namespace {

std::string seconds(Duration length) {
  return fmt::format("{:.1f} s", std::chrono::duration<double>(length).count());
}

std::vector<FaultShape> shapes_of(const std::vector<ChaosKind>& kinds) {
  std::vector<FaultShape> shapes;
  for (const ChaosKind& kind : kinds) shapes.push_back(kind.shape);
  return shapes;
}

}  // namespace

HavocThread::HavocThread(Scene& scene, Recovery& recovery, Plan plan)
    : scene_(scene), recovery_(recovery), plan_(std::move(plan)), began_at_(monotonic_now()) {
  for (const ChaosKind& kind : plan_.kinds)
    reports_.push_back({.kind = kind.shape.name, .target = kind.target});
  thread_ = std::thread([this] {
    run();
    done_ = true;
  });
}

HavocThread::~HavocThread() { thread_.join(); }

void HavocThread::run() {
  Schedule schedule(shapes_of(plan_.kinds), plan_.seed);
  const Instant end = began_at_ + plan_.length;
  for (Instant next = began_at_ + plan_.every; next < end;) {
    pass(next - monotonic_now());
    take(schedule.next());
    next = std::max(next + plan_.every, monotonic_now());
  }
  pass(end - monotonic_now());
}

HavocThread::Running HavocThread::begin(const Strike& strike) {
  const ChaosKind& kind = plan_.kinds[strike.kind];
  Running running{.strike = strike, .at = monotonic_now()};
  running.broken = kind.strike(scene_, strike.target);
  running.mend_at = monotonic_now() + kind.hold;
  return running;
}

void HavocThread::mend(Running& running) {
  pass(running.mend_at - monotonic_now());
  running.proof = running.broken.mend();
  running.mended_at = monotonic_now();
}

void HavocThread::revive() {
  std::vector<std::string> all = scene_.ours();
  all.insert(all.begin(), {"postgres", "redis"});
  for (const std::string& name : all)
    if (!scene_.cluster.is_running(name)) {
      fmt::print("         {} had ended by itself and is started again\n", name);
      scene_.cluster.start(name);
    }
}

std::optional<Duration> HavocThread::recovered_since(Instant since) {
  // Those who are there first, then somebody who comes new.
  if (!recovery_.await(since, recovery_limit)) return std::nullopt;
  if (!scene_.visitors.log_in(recovery_limit)) return std::nullopt;
  return monotonic_now() - since;
}

void HavocThread::take(const Step& step) {
  if (step.second)
    take_two(step);
  else
    take_one(step.first);
}

void HavocThread::take_one(const Strike& strike) {
  recovery_.watch();
  Running running = begin(strike);
  mend(running);
  const Duration meanwhile = recovery_.longest_wait();
  revive();
  auto recovery = recovered_since(running.mended_at);
  if (recovery && kind_of(running).recovery == ChaosKind::Recovery::from_injection)
    recovery = std::max(*recovery, meanwhile);
  report(running, recovery, kind_of(running).target, "");
}

void HavocThread::take_two(const Step& step) {
  Running first = begin(step.first);
  pass(std::chrono::duration_cast<Duration>(step.second_after * (first.mend_at - first.at)));
  Running second = begin(*step.second);
  Running& sooner = second.mend_at < first.mend_at ? second : first;
  Running& later = &sooner == &first ? second : first;
  mend(sooner);
  mend(later);
  revive();
  const auto recovery = recovered_since(later.mended_at);
  const Duration target = std::max(kind_of(first).target, kind_of(second).target);
  report(first, recovery, target, " (one of two)");
  report(second, recovery, target, " (one of two)");
}

void HavocThread::report(const Running& running, std::optional<Duration> recovery,
                         Duration target, const char* remark) {
  const ChaosKind& kind = kind_of(running);
  const Proof& proof = running.proof;
  fmt::print("{:6.1f} s  {:22} {:28} {}; {}{}{}\n",
             std::chrono::duration<double>(running.at - began_at_).count(), kind.shape.name,
             running.broken.target, proof.words,
             recovery ? "recovered in " + seconds(*recovery)
                      : "NOT RECOVERED in " + seconds(recovery_limit),
             remark, proof.holds() ? "" : "; DID NOT TAKE HOLD");
  std::fflush(stdout);
  const Duration felt = running.mended_at - running.at + recovery_max(kind.target);
  faults_.add(running.at, "nemesis",
              Fault{.kind = kind.shape.name,
                    .target = running.broken.target,
                    .before = proof.before,
                    .after = proof.holds() ? proof.after : proof.before,
                    .felt_ms = static_cast<std::uint64_t>(to_ms(felt))});
  KindReport& report = reports_[running.strike.kind];
  ++report.times;
  report.confirmed += proof.holds();
  report.unrecovered += !recovery;
  // Of two at once nobody knows which took longer: it is held against the one that may.
  if (recovery && kind.target >= target) report.slowest = std::max(report.slowest, *recovery);
}

}  // namespace parley::test
