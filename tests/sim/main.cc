// parley-sim: runs simulated worlds, a seed each. See README.md; started by tests/sim/run.
#include "tests/sim/program.h"

int main(int argc, char** argv) { return parley::sim::run_program(argc, argv); }
