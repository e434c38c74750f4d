// One of our programs, run by a test: what it prints, and how it ends.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cli/spawn.h"

namespace parley::test {

// "parley-gateway" → its path in PARLEY_TEST_BIN; a path stays what it is.
std::string path_of_program(const std::string& name);

class RunningProgram {
 public:
  // [0]: a name as above. Fails the test if it cannot be started.
  explicit RunningProgram(std::vector<std::string> arguments,
                          std::vector<std::string> environment = {});
  ~RunningProgram();
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;

  Process& process() { return *process_; }
  // Everything on stdout and stderr so far.
  const std::string& output();
  // Whether it prints this in time.
  bool says(const std::string& text, Duration limit);
  // Its end. Fails the test if that does not come in time.
  Exit wait(Duration limit);

 private:
  std::optional<Process> process_;
  int pipe_ = -1;
  std::string output_;
};

struct Ran {
  int code = -1;
  std::string output;
};
// Runs it to its end, 20 s at most.
Ran run_program(std::vector<std::string> arguments, std::vector<std::string> environment = {});

}  // namespace parley::test
