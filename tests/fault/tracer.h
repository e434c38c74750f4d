// Makes system calls of other processes slow, or fail: strace with a fault to inject.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/spawn.h"

namespace parley::test {

class Tracer {
 public:
  // Attaches, and returns when it has; fails the test if it cannot. `fault`: "error=EIO",
  // "delay_enter=500000" (microseconds). Processes that they start are not traced.
  Tracer(const std::vector<std::int64_t>& pids, const std::string& call, const std::string& fault);
  ~Tracer();
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  // Lets go of them. How often the fault was injected.
  std::int64_t finish();

  // Why this machine cannot do it; nothing: it can.
  static std::optional<std::string> unavailable();

 private:
  std::string record() const;

  std::string file_;
  std::optional<Process> process_;
};

}  // namespace parley::test
