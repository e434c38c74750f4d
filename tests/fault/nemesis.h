// What breaks a cluster on purpose: a script in a thread of its own, beside the workload. Each
// fault is recorded with the proof that it took hold.
//
//   Nemesis nemesis(cluster, [](Nemesis& now, Cluster&) {
//     now.kill("worker-1");
//     now.wait(1s);
//     now.restart("broker-1");
//   });
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/cluster.h"
#include "cli/verify/history.h"

namespace parley::test {

using namespace verify;  // histories and what judges them

class Nemesis {
 public:
  using Script = std::function<void(Nemesis&, Cluster&)>;

  // Begins at once. `cluster` must outlive it.
  Nemesis(Cluster& cluster, Script script);
  // Waits for the end of the script.
  ~Nemesis();
  Nemesis(const Nemesis&) = delete;
  Nemesis& operator=(const Nemesis&) = delete;

  bool is_done() const { return done_; }
  // Requires: is_done.
  const History& faults() const { return faults_; }

  // -- for the script; all of it blocks
  void wait(Duration length);
  // kill -9, and started again at once. Proof: the process ids.
  void kill(const std::string& name);
  // SIGSTOP, and SIGCONT when `length` has passed. Proof: what `evidence` counts, before it and
  // (some seconds) after it.
  using Evidence = std::function<std::int64_t()>;
  void pause(const std::string& name, Duration length, const Evidence& evidence);
  // SIGTERM; when it has ended it is started again, and waited for until all are registered with
  // all. Fails the test if that took longer than a drain may. Proof: the process ids.
  void restart(const std::string& name);
  // Until everybody is registered with every broker.
  void wait_ready();

 private:
  Cluster& cluster_;
  History faults_;  // the thread's until it has ended
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

// Kills one of the victims after another, `pace` apart, for `length`.
Nemesis::Script kill_in_turn(std::vector<std::string> victims, Duration pace, Duration length);

// Kills one of the victims, drawn, every `pace` for `length`; but another one than the last only
// when that is back: somebody is always there.
Nemesis::Script kill_at_random(std::vector<std::string> victims, Duration pace, Duration length);

}  // namespace parley::test
