// The program parley-sim: explores seeds on all cores, prints what was met and each violation with the command
// that repeats it. Exit code: 0 none, 1 some, 2 usage.
#pragma once

namespace parley::sim {
int run_program(int argc, char** argv);
}  // namespace parley::sim
