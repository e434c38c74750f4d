#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/config.h"

namespace parley {
namespace {

constexpr std::size_t secret_max = 4'096;

std::optional<std::string> objection_to(const struct stat& info) {
  if (!S_ISREG(info.st_mode)) return "is not a regular file";
  if (info.st_uid != geteuid() && info.st_uid != 0) return "belongs to somebody else";
  if ((info.st_mode & 077) != 0) return "must not be accessible to others (chmod 600)";
  if (info.st_size == 0) return "is empty";
  if (static_cast<std::size_t>(info.st_size) > secret_max) return "is too large for a secret";
  return std::nullopt;
}

Result<std::string> read_all(int fd, const std::string& path) {
  std::string content(secret_max, '\0');
  const ssize_t got = read(fd, content.data(), content.size());
  if (got < 0) return fail(Errc::config, path + ": cannot be read");
  content.resize(static_cast<std::size_t>(got));
  while (content.ends_with('\n') || content.ends_with('\r')) content.pop_back();
  return content;
}

Status write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR) return fail(Errc::io, std::strerror(errno));
    if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return fsync(fd) == 0 ? Status{} : fail(Errc::io, std::strerror(errno));
}

}  // namespace

Result<std::string> read_secret_file(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return fail(Errc::config, path + ": cannot be opened (links are not followed)");
  struct stat info {};
  fstat(fd, &info);
  const auto objection = objection_to(info);
  Result<std::string> content =
      objection ? fail(Errc::config, path + ": " + *objection) : read_all(fd, path);
  close(fd);
  return content;
}

Status create_secret_file(const std::string& path, std::string_view content) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    const Errc code = errno == EEXIST ? Errc::conflict : Errc::io;
    return fail(code, path + ": " + std::strerror(errno));
  }
  const Status written = write_all(fd, content);
  close(fd);
  if (written) return {};
  unlink(path.c_str());
  return fail(Errc::io, path + ": " + written.error().detail);
}

}  // namespace parley
