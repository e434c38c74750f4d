#include "cli/spawn.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

// glibc 2.36's header forgets that C++ exists.
extern "C" {
#include <sys/pidfd.h>
}

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "base/assert.h"

namespace parley {
namespace {

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> merged_environment(const std::vector<std::string>& added) {
  std::vector<std::string> all = added;
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('=') + 1);
    bool replaced = false;
    for (const std::string& ours : added) replaced |= ours.starts_with(name);
    if (!replaced) all.emplace_back(text);
  }
  return all;
}

// Everything the child needs, made before the fork: after it, only async-signal-safe calls are allowed,
// because another thread may have held the allocator's lock.
struct Prepared {
  char* const* arguments;
  char* const* environment;
  const char* directory;
  Process::Files files;
  int null;
  int errors;
  pid_t parent;
};

[[noreturn]] void give_up(int errors) {
  const int reason = errno;
  [[maybe_unused]] const auto written = write(errors, &reason, sizeof reason);
  _exit(127);
}

[[noreturn]] void run_child(const Prepared& p) {
  setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  std::signal(SIGPIPE, SIG_DFL);
  if (dup2(p.null, 0) < 0 || dup2(p.files.output, 1) < 0 || dup2(p.files.output, 2) < 0)
    give_up(p.errors);
  if (p.files.kept >= 0 && fcntl(p.files.kept, F_SETFD, 0) < 0) give_up(p.errors);
  if (chdir(p.directory) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) give_up(p.errors);
  if (getppid() != p.parent) _exit(127);  // it ended before the line above
  execve(p.arguments[0], p.arguments, p.environment);
  give_up(p.errors);
}

}  // namespace

std::string describe(const Exit& exit) {
  if (exit.signal == 0) return "exit code " + std::to_string(exit.code);
  return "signal " + std::to_string(exit.signal) + " (" + strsignal(exit.signal) + ")";
}

Result<Process> Process::start(const Program& program, const Files& files) {
  PARLEY_ASSERT(!program.arguments.empty());
  auto arguments = program.arguments;
  auto environment = merged_environment(program.environment);
  const auto argument_pointers = pointers_to(arguments);
  const auto environment_pointers = pointers_to(environment);

  int errors[2];
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return fail(Errc::io, std::string("/dev/null: ") + std::strerror(errno));
  if (pipe2(errors, O_CLOEXEC) < 0) {
    close(null);
    return fail(Errc::io, std::string("pipe: ") + std::strerror(errno));
  }
  const Prepared prepared{argument_pointers.data(), environment_pointers.data(),
                          program.directory.c_str(), files, null, errors[1], getpid()};
  const pid_t pid = fork();
  if (pid == 0) run_child(prepared);
  const int fork_error = errno;
  close(null);
  close(errors[1]);
  if (pid < 0) {
    close(errors[0]);
    return fail(Errc::io, std::string("fork: ") + std::strerror(fork_error));
  }
  Process process(pid, pidfd_open(pid, 0));
  PARLEY_ASSERT(process.ended_fd_ >= 0);

  // Ends when exec has closed the other side: with nothing if it succeeded.
  int reason = 0;
  ssize_t got;
  do got = read(errors[0], &reason, sizeof reason);
  while (got < 0 && errno == EINTR);
  close(errors[0]);
  if (got > 0) return fail(Errc::io, program.arguments[0] + ": " + std::strerror(reason));
  return process;
}

Process::~Process() { kill_and_reap(); }

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      ended_fd_(std::exchange(other.ended_fd_, -1)),
      exit_(std::exchange(other.exit_, std::nullopt)) {}

Process& Process::operator=(Process&& other) noexcept {
  if (this == &other) return *this;
  kill_and_reap();
  pid_ = std::exchange(other.pid_, -1);
  ended_fd_ = std::exchange(other.ended_fd_, -1);
  exit_ = std::exchange(other.exit_, std::nullopt);
  return *this;
}

void Process::kill_and_reap() {
  if (ended_fd_ < 0) return;
  if (!exit_) {
    signal(SIGKILL);
    siginfo_t info{};
    while (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) < 0 && errno == EINTR) {
    }
  }
  close(ended_fd_);
}

void Process::signal(int number) const {
  // Fails only for a process that has ended.
  if (!exit_) pidfd_send_signal(ended_fd_, number, nullptr, 0);
}

std::optional<Exit> Process::poll_exit() {
  if (exit_) return exit_;
  siginfo_t info{};
  if (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
    return std::nullopt;
  exit_ = info.si_code == CLD_EXITED ? Exit{info.si_status, 0} : Exit{0, info.si_status};
  return exit_;
}

}  // namespace parley
