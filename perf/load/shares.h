// The load in several processes: one loop is one core at most, and 20,000 files.
#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "perf/load/options.h"
#include "perf/load/tally.h"

namespace parley::perf {

struct LoadReport {
  Tally tally;
  std::map<std::string, double> cpu_seconds;  // of those watched, in the measured part
};

// Makes the users, forks the processes, begins everywhere at the same moment, adds up. Requires: no
// other thread runs.
Result<LoadReport> run_load(const LoadOptions& options);

std::string to_json(const LoadOptions& options, const LoadReport& report);

}  // namespace parley::perf
