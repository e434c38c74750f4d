// Kills processes of a cluster in turn, at a steady pace, and starts each again at once; in a
// thread of its own, beside the workload. Each kill is recorded with the process ids before and
// after.
#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/cluster.h"
#include "tests/support/history.h"

namespace parley::test {

class Killer {
 public:
  // Begins at once. `cluster` must outlive it.
  Killer(Cluster& cluster, std::vector<std::string> victims, Duration pace);
  ~Killer() { stop(); }
  Killer(const Killer&) = delete;
  Killer& operator=(const Killer&) = delete;

  // After the kill in progress, if any. Everything runs again.
  void stop();
  // Requires: stopped.
  const History& faults() const { return faults_; }
  std::size_t kills() const { return faults_.events().size(); }

 private:
  void work();
  void kill(const std::string& victim);

  Cluster& cluster_;
  std::vector<std::string> victims_;
  Duration pace_;
  History faults_;  // the thread's until it has ended
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

}  // namespace parley::test
