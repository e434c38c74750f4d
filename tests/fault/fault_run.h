// What every fault test is: a cluster, people who chat, something that breaks it, a verdict.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/fault/chat_workload.h"
#include "tests/support/history_check.h"

namespace parley::test {

// 15 s, or PARLEY_FAULT_SECONDS.
Duration fault_length();

struct FaultRunOptions {
  ClusterOptions cluster;
  ChatOptions chat;
  std::vector<std::string> victims;
  Duration pace;
  Duration length = fault_length();
  // What a run of this length must have had to prove anything.
  double acked_per_second_min = 100;
};

struct FaultRun {
  Verdict verdict;
  std::vector<std::string> visible_errors;
  bool everything_acknowledged = false;
  bool everybody_in_step = false;
};

// Runs it and prints its figures. The history is kept in PARLEY_FAULT_HISTORY (a folder), if set.
FaultRun run_with_kills(const FaultRunOptions& options);

// Limits on single clients lifted, cheap password hashes: users who stand for many.
ClusterOptions busy_cluster();

}  // namespace parley::test
