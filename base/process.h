// The manners that every Parley process shares.
//   --config FILE   read this configuration    --check          only say whether it is valid
//   --print-config  print it as it would be used --version
// SIGTERM and SIGINT mean drain; SIGHUP: read anew what can be, nothing in most processes. Exit codes: 0
// clean, 1 runtime, 2 usage, 78 configuration.
#pragma once

#include <functional>
#include <string>

#include "base/config.h"

namespace parley {

inline constexpr int exit_ok = 0;
inline constexpr int exit_runtime = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_config = 78;

struct ProcessInfo {
  std::string name;     // "parley-gateway"
  std::string purpose;  // one sentence for --help
};

// Parses the command line and configuration, then calls `body`, whose result is the exit code.
// `arguments`: receives positional arguments; null if the process takes none.
// Before `body`: SIGTERM, SIGINT and SIGHUP are blocked in this and all later threads (base/loop.h reads
// them), SIGPIPE is ignored, core dumps are off, the file limit is raised to its hard maximum, and
// the log runs.
int run_process(int argc, char** argv, const ProcessInfo& info, Config& config,
                std::vector<std::string>* arguments, const std::function<int()>& body);

// Raises this process' limit of open files to its hard maximum. run_process does it by itself.
void raise_file_limit();

// "0.1.0", from the build.
const char* version();

}  // namespace parley
