// Breaks things as a schedule says, one step after the other, in a thread of its own beside those who
// chat: breaks, mends, waits until everybody has recovered, says so in a line, goes on.
#pragma once

#include <atomic>
#include <thread>

#include "cli/verify/history.h"
#include "tests/fault/havoc.h"
#include "tests/fault/recovery.h"

namespace parley::test {

// What became of all strikes of one kind.
struct KindReport {
  std::string kind;
  unsigned times = 0;
  unsigned confirmed = 0;
  unsigned unrecovered = 0;  // within recovery_limit
  Duration slowest{};        // of those that recovered, alone or with what may take no longer
  Duration target{};
};

class HavocThread {
 public:
  // Longer than anything may take, so that what takes too long is measured all the same.
  static constexpr Duration recovery_limit = 90s;

  struct Plan {
    std::vector<ChaosKind> kinds;
    std::uint64_t seed = 0;
    Duration every{};   // from the beginning of a step to that of the next
    Duration length{};  // no step begins later
  };
  // Begins at once. References must outlive it.
  HavocThread(Scene& scene, Recovery& recovery, Plan plan);
  ~HavocThread();
  HavocThread(const HavocThread&) = delete;
  HavocThread& operator=(const HavocThread&) = delete;

  // Everything is mended, nothing more will be broken.
  bool is_done() const { return done_; }
  // The rest requires: is_done.
  const History& faults() const { return faults_; }
  const std::vector<KindReport>& reports() const { return reports_; }

 private:
  struct Running {
    Strike strike;
    Instant at;
    Broken broken = {};
    Instant mend_at = {};
    Proof proof = {};
    Instant mended_at = {};
  };
  void run();
  void take(const Step& step);
  void take_one(const Strike& strike);
  void take_two(const Step& step);
  Running begin(const Strike& strike);
  void mend(Running& running);
  // What is not there any more although nobody killed it is started again, as `parley up` would.
  void revive();
  // Nothing: not recovered.
  std::optional<Duration> recovered_since(Instant since);
  // `target`: of the step, which may have broken something else, too.
  void report(const Running& running, std::optional<Duration> recovery, Duration target,
              const char* remark);
  const ChaosKind& kind_of(const Running& running) const {
    return plan_.kinds[running.strike.kind];
  }

  Scene& scene_;
  Recovery& recovery_;
  const Plan plan_;
  const Instant began_at_;
  History faults_;  // the thread's until it has ended, as the reports are
  std::vector<KindReport> reports_;
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

// What a recovery may take at most: three times its target, which is what is aimed at.
constexpr Duration recovery_max(Duration target) { return 3 * target; }

}  // namespace parley::test
