// Starting a program as a child that cannot outlive the thread that started it: the kernel kills it when
// that thread ends, kill -9 included.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace parley {

struct Program {
  std::vector<std::string> arguments = {};    // [0]: path of the executable
  std::vector<std::string> environment = {};  // "NAME=value", added to ours
  std::string directory = "/";                // where it runs
};

// How a process ended.
struct Exit {
  int code = 0;    // if signal == 0
  int signal = 0;  // what killed it
  bool ok() const { return signal == 0 && code == 0; }
};

// "exit code 1", "signal 9 (Killed)": for people.
std::string describe(const Exit& exit);

// A child process. It has a process group of its own, so that Ctrl-C at our terminal reaches only us.
// Dying with this object: destroying a Process that runs kills and reaps it.
class Process {
 public:
  // What the child gets of our open files, beside /dev/null as its stdin.
  struct Files {
    int output;            // becomes its stdout and stderr; stays ours to close
    int kept = -1;         // stays open in the child under the same number; -1: none
  };

  // io: the program cannot be started; the reason is that of the exec.
  // Safe in a process with threads. The calling thread must live as long as the child should.
  static Result<Process> start(const Program& program, const Files& files);

  ~Process();
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;

  pid_t pid() const { return pid_; }
  // Readable once the process has ended (a pidfd).
  int ended_fd() const { return ended_fd_; }
  // Never hits a stranger that got the number of a process that has ended.
  void signal(int number) const;
  // Reaps it if it has ended. After that: the same answer for ever.
  std::optional<Exit> poll_exit();

 private:
  Process(pid_t pid, int ended_fd) : pid_(pid), ended_fd_(ended_fd) {}
  void kill_and_reap();

  pid_t pid_ = -1;
  int ended_fd_ = -1;
  std::optional<Exit> exit_;
};

}  // namespace parley
