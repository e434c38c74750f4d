// A child process and the file that its output goes to. One owner thread.
#pragma once

#include <string>

#include "cli/log_file.h"
#include "cli/spawn.h"

namespace parley {

class LoggedProcess {
 public:
  // `kept`: a descriptor that stays open in the child. Errors: as Process::start.
  static Result<LoggedProcess> start(const Program& program, const std::string& log_path, int kept);
  ~LoggedProcess();
  LoggedProcess(LoggedProcess&& other) noexcept;
  LoggedProcess& operator=(LoggedProcess&&) = delete;

  Process& process() { return process_; }
  // Readable when there is output.
  int output_fd() const { return output_; }
  // Moves the output that is there into the log.
  void pump();

 private:
  LoggedProcess(Process process, LogFile log, int output)
      : process_(std::move(process)), log_(std::move(log)), output_(output) {}

  Process process_;
  LogFile log_;
  int output_;
};

}  // namespace parley
