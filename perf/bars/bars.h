// The bars of the design that `perf/bench` knows, one function each. Each starts what it needs,
// prints a line of JSON per bar on stdout, and returns whether all of them were met by a run in
// which nothing was lost, repeated or out of order.
#pragma once

#include <string>

#include "base/result.h"
#include "perf/bars/private_cluster.h"

namespace parley::perf {

struct BenchOptions {
  PrivateCluster::Options cluster;
  unsigned pairs = 5;
  unsigned controls = 3;
  double seconds = 3;     // of each measurement
  std::string only = {};  // the one bar of several that is measured; empty: all
};

enum class Outcome { met, missed };

Result<Outcome> bench_broker(const BenchOptions& options);
Result<Outcome> bench_c2c(const BenchOptions& options);
Result<Outcome> bench_gateway(const BenchOptions& options);
Result<Outcome> bench_idle(const BenchOptions& options);
Result<Outcome> bench_overload(const BenchOptions& options);

}  // namespace parley::perf
