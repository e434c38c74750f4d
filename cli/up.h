// `parley up`: everything that Parley needs on one machine, started, watched and stopped again. The shell
// around Supervisor: processes, signals, clock, log files.
#pragma once

#include <string>

#include "cli/family.h"

namespace parley {

struct UpOptions {
  std::string data;
  FamilyOptions family;
};

// Runs until SIGTERM, SIGINT or SIGHUP, which it blocks, and returns an exit code. Says on stdout what
// happens, on stderr what went wrong. Call it from the main thread of a process with no other threads.
int run_up(const UpOptions& options);

}  // namespace parley
