#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/config.h"

namespace parley {
namespace {

constexpr std::size_t secret_max = 4'096;

std::optional<std::string> objection_to_secret(const struct stat& info) {
  if ((info.st_mode & 077) != 0) return "must not be accessible to others (chmod 600)";
  if (info.st_size == 0) return "is empty";
  return std::nullopt;
}

std::optional<std::string> objection_to_trusted(const struct stat& info) {
  if ((info.st_mode & 022) != 0) return "must not be writable by others (chmod go-w)";
  return std::nullopt;
}

using Objection = std::optional<std::string> (*)(const struct stat& info);

std::optional<std::string> objection_to(const struct stat& info, std::size_t bytes_max,
                                        Objection further) {
  if (!S_ISREG(info.st_mode)) return "is not a regular file";
  if (info.st_uid != geteuid() && info.st_uid != 0) return "belongs to somebody else";
  if (const auto objection = further(info)) return objection;
  if (static_cast<std::size_t>(info.st_size) > bytes_max) return "is too large";
  return std::nullopt;
}

Result<std::string> read_all(int fd, std::size_t bytes_max) {
  std::string content(bytes_max, '\0');
  std::size_t size = 0;
  while (size < bytes_max) {
    const ssize_t got = read(fd, content.data() + size, bytes_max - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Errc::config, "cannot be read");
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  content.resize(size);
  return content;
}

Result<std::string> read_checked(const std::string& path, std::size_t bytes_max,
                                 Objection further) {
  const int fd = open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return fail(Errc::config, path + ": cannot be opened (links are not followed)");
  struct stat info {};
  fstat(fd, &info);
  const auto objection = objection_to(info, bytes_max, further);
  Result<std::string> content =
      objection ? fail(Errc::config, *objection) : read_all(fd, bytes_max);
  close(fd);
  if (!content) return fail(Errc::config, path + ": " + content.error().detail);
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
  PARLEY_TRY(std::string content, read_checked(path, secret_max, objection_to_secret));
  while (content.ends_with('\n') || content.ends_with('\r')) content.pop_back();
  return content;
}

Result<std::string> read_trusted_file(const std::string& path, std::size_t bytes_max) {
  return read_checked(path, bytes_max, objection_to_trusted);
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
