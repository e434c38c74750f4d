#include "cli/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <utility>

namespace parley {
namespace {

constexpr std::size_t unfinished_max = 64 * 1024;
constexpr std::size_t tail_bytes_max = 16 * 1024;

int open_for_append(const std::string& path) {
  return open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

}  // namespace

Result<LogFile> LogFile::open(std::string path, Bounds bounds) {
  const int fd = open_for_append(path);
  if (fd < 0) return fail(Errc::io, path + ": " + std::strerror(errno));
  struct stat info {};
  fstat(fd, &info);
  return LogFile(std::move(path), bounds, fd, static_cast<std::size_t>(info.st_size));
}

LogFile::LogFile(LogFile&& other) noexcept
    : path_(std::move(other.path_)),
      bounds_(other.bounds_),
      fd_(std::exchange(other.fd_, -1)),
      size_(other.size_),
      unfinished_(std::move(other.unfinished_)),
      dropped_(other.dropped_) {}

LogFile::~LogFile() {
  if (fd_ < 0) return;
  flush();
  close(fd_);
}

void LogFile::append(std::string_view bytes) {
  unfinished_.append(bytes);
  std::size_t whole = unfinished_.rfind('\n') + 1;  // npos + 1 is 0: no whole line yet
  if (unfinished_.size() - whole > unfinished_max) whole = unfinished_.size();
  if (whole == 0) return;
  write_out(std::string_view(unfinished_).substr(0, whole));
  unfinished_.erase(0, whole);
}

void LogFile::flush() {
  write_out(unfinished_);
  unfinished_.clear();
}

void LogFile::write_out(std::string_view lines) {
  if (size_ > 0 && size_ + lines.size() > bounds_.file_bytes_max) rotate();
  while (!lines.empty()) {
    const ssize_t written = write(fd_, lines.data(), lines.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) break;
    size_ += static_cast<std::size_t>(written);
    lines.remove_prefix(static_cast<std::size_t>(written));
  }
  dropped_ += lines.size();
}

void LogFile::rotate() {
  const auto old = [&](unsigned n) { return path_ + "." + std::to_string(n); };
  for (unsigned n = bounds_.files_max - 1; n > 1; --n)
    std::rename(old(n - 1).c_str(), old(n).c_str());
  std::rename(path_.c_str(), old(1).c_str());
  const int fresh = open_for_append(path_);
  // Without a new file (no descriptor left, say) the old one goes on: a bound is better broken for a
  // moment than a log lost.
  if (fresh < 0) return;
  close(fd_);
  fd_ = fresh;
  size_ = 0;
}

std::string tail_of(const std::string& path, unsigned lines) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return {};
  const auto size = static_cast<std::size_t>(file.tellg());
  const std::size_t wanted = std::min(size, tail_bytes_max);
  std::string text(wanted, '\0');
  file.seekg(static_cast<std::streamoff>(size - wanted));
  file.read(text.data(), static_cast<std::streamsize>(wanted));
  std::size_t from = text.size();
  for (unsigned n = 0; n <= lines && from != std::string::npos && from > 0; ++n)
    from = text.rfind('\n', from - 1);
  return from == std::string::npos || from == 0 ? text : text.substr(from + 1);
}

}  // namespace parley
