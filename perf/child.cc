#include "perf/child.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <utility>

#include "base/assert.h"

namespace parley::perf {

Child::Child(pid_t pid, int from, int to) : pid_(pid), from_(fdopen(from, "r")), to_(to) {}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      from_(std::move(other.from_)),
      to_(std::exchange(other.to_, -1)) {}

Child::~Child() {
  if (to_ >= 0) close(to_);
  if (pid_ == 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

Child Child::start(const std::function<std::string(Child&)>& body) {
  std::array<int, 2> up{};
  std::array<int, 2> down{};
  PARLEY_ASSERT(pipe2(up.data(), O_CLOEXEC) == 0 && pipe2(down.data(), O_CLOEXEC) == 0);
  const pid_t parent_pid = getpid();
  const pid_t pid = fork();
  PARLEY_ASSERT(pid >= 0);
  if (pid != 0) {
    close(up[1]);
    close(down[0]);
    return {pid, up[0], down[1]};
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent_pid) _exit(1);  // it died before it could be asked for
  close(up[0]);
  close(down[1]);
  Child parent(0, down[0], up[1]);
  parent.write_line(body(parent));
  _exit(0);
}

std::string Child::read_line() {
  std::string line;
  for (int c = 0; (c = fgetc(from_.get())) != EOF && c != '\n';) line += static_cast<char>(c);
  return line;
}

void Child::write_line(const std::string& line) {
  const std::string bytes = line + "\n";
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t n = write(to_, bytes.data() + sent, bytes.size() - sent);
    if (n <= 0) return;  // the other side is gone; its silence tells
    sent += static_cast<std::size_t>(n);
  }
}

int Child::readable_fd() const { return fileno(from_.get()); }

}  // namespace parley::perf
