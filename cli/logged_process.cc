#include "cli/logged_process.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace parley {
namespace {

// Per call, so that a child that writes without end does not keep us from the others.
constexpr int reads_per_pump = 16;

}  // namespace

Result<LoggedProcess> LoggedProcess::start(const Program& program, const std::string& log_path,
                                           int kept) {
  PARLEY_TRY(LogFile log, LogFile::open(log_path, {}));
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0)
    return fail(Errc::io, std::string("pipe: ") + std::strerror(errno));
  // Only our side: a child that writes to a full pipe waits, as it would for a slow disk.
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  auto process = Process::start(program, {.output = ends[1], .kept = kept});
  close(ends[1]);
  if (!process) {
    close(ends[0]);
    return tl::unexpected(process.error());
  }
  return LoggedProcess(std::move(*process), std::move(log), ends[0]);
}

LoggedProcess::LoggedProcess(LoggedProcess&& other) noexcept
    : process_(std::move(other.process_)),
      log_(std::move(other.log_)),
      output_(std::exchange(other.output_, -1)) {}

LoggedProcess::~LoggedProcess() {
  if (output_ < 0) return;
  pump();
  close(output_);
}

void LoggedProcess::pump() {
  char buffer[16 * 1024];
  for (int i = 0; i < reads_per_pump; ++i) {
    const ssize_t got = read(output_, buffer, sizeof buffer);
    if (got <= 0) return;
    log_.append({buffer, static_cast<std::size_t>(got)});
  }
}

}  // namespace parley
