// Chaos: a whole Parley, people who chat, everything that can be broken broken in an order drawn from a
// seed; then all is mended, everybody comes back, and the history is judged. tests/fault/chaos runs it.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "tests/fault/havoc_thread.h"

namespace parley::test {

struct ChaosOptions {
  Duration length = 600s;
  Duration every = 5s;
  std::uint64_t seed = 1;
  std::vector<std::string> only = {};  // kinds; none: all that this machine can do
};

struct ChaosOutcome {
  enum class Kind { valid, invalid, unknown };
  Kind kind = Kind::unknown;
  std::size_t acked = 0;
  std::size_t confirmed = 0;
  std::vector<std::string> why = {};  // it is not valid
  std::set<std::string_view> anomalies = {};
};

// Prints a line for each fault, and a table in the end. Fails the test if processes end or log what they
// must not.
ChaosOutcome run_chaos(const ChaosOptions& options);

}  // namespace parley::test
