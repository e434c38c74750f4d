// `parley top`: what happens now, every second. On a terminal each picture replaces the last; elsewhere
// (a pipe, a file) they follow each other without any control characters.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "cli/operator_options.h"

namespace parley {

struct TopOptions {
  OperatorOptions who;
  std::uint64_t count = 0;  // pictures; 0: until it is stopped
  Duration every = std::chrono::seconds(1);
};

// Exit code: 0 all brokers answered at last, 1 otherwise.
int run_top(const TopOptions& options);

}  // namespace parley
