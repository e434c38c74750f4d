// What every fault test is: a cluster, people who chat, something that breaks it, a verdict.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/verify/check.h"
#include "cli/verify/workload.h"
#include "perf/histogram.h"
#include "tests/fault/nemesis.h"

namespace parley::test {

using namespace verify;  // histories and what judges them

// PARLEY_FAULT_SECONDS, if it is set.
Duration fault_length(std::chrono::seconds preset);

struct ChatOptions {
  unsigned pairs = 3;
  std::size_t outbox = 2;  // messages that each writing device has not seen acknowledged
};

struct FaultRunOptions {
  ClusterOptions cluster;
  ChatOptions chat = {};
  // People chat until its end.
  Nemesis::Script nemesis;
  // What a run must have had to prove anything.
  std::size_t faults_min;
  double acked_per_second_min = 100;
};

struct FaultRun {
  Verdict verdict;
  std::vector<std::string> visible_errors;
  bool everything_acknowledged = false;
  bool everybody_in_step = false;
  std::size_t moves_max = 0;  // of one device, to another gateway because its own went away
  perf::LatencyHistogram acks;
  perf::LatencyHistogram fault_cost;  // fault_cost.h
};

// Runs it and prints its figures. The history is kept in PARLEY_FAULT_HISTORY (a folder), if set.
FaultRun run_with_faults(const FaultRunOptions& options);

// Nothing lost, doubled or out of order; no error that a person sees; everybody has everything.
void expect_unnoticed(const FaultRun& run);

// How clients reach it, and who they are.
verify::Server server_of(const Cluster& cluster);
WorkloadOptions people_of(const ChatOptions& chat, Duration pause = {});

// Limits on single clients lifted, cheap password hashes: users who stand for many.
ClusterOptions busy_cluster();

}  // namespace parley::test
