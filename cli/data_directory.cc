#include "cli/data_directory.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/clock.h"

namespace parley {
namespace {

namespace fs = std::filesystem;

constexpr Duration dying_family_limit = 15s;
constexpr std::size_t socket_name_max = 32;

tl::unexpected<Error> system_failure(const std::string& what) {
  return fail(Errc::io, what + ": " + std::strerror(errno));
}

// Ours alone, even where others may write beside it (/tmp).
Status make_private_directory(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) < 0 && errno != EEXIST) return system_failure(path);
  struct stat found {};
  if (lstat(path.c_str(), &found) < 0) return system_failure(path);
  if (!S_ISDIR(found.st_mode) || found.st_uid != geteuid())
    return fail(Errc::config, path + " is not a directory of ours");
  if (chmod(path.c_str(), mode) < 0) return system_failure(path);
  return {};
}

// Somebody else's directory may be given by mistake (/tmp, a home): nothing of it is changed. The lock
// is the first file that we make, so that of ours there is none without it, even after a crash.
Status require_fit(const std::string& data) {
  struct stat found {};
  if (lstat(data.c_str(), &found) < 0) return system_failure(data);
  if (!S_ISDIR(found.st_mode) || found.st_uid != geteuid())
    return fail(Errc::config, data + " is not a directory of ours");
  if ((found.st_mode & 022) != 0) return fail(Errc::config, data + " can be written by others");
  std::error_code error;
  const bool empty = fs::is_empty(data, error);
  if (error) return fail(Errc::io, data + ": " + error.message());
  if (empty || (lstat((data + "/lock").c_str(), &found) == 0 && S_ISREG(found.st_mode))) return {};
  return fail(Errc::config, data + " is not a data directory of Parley");
}

// Makes the directory, or finds it fit; where it lies, without symlinks.
Result<std::string> data_directory(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  std::error_code error;
  const fs::path parent = fs::path(path).parent_path();
  if (!parent.empty()) fs::create_directories(parent, error);
  if (error) return fail(Errc::config, path + ": " + error.message());
  const bool made = mkdir(path.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) return fail(Errc::config, path + ": " + std::strerror(errno));
  const std::string data = fs::canonical(path, error);
  if (error) return fail(Errc::config, path + ": " + error.message());
  if (!made) {
    PARLEY_CHECK(require_fit(data));
  } else if (chmod(data.c_str(), geteuid() == 0 ? 0711 : 0700) < 0) {
    // The servers' users must get through to their own directories, but see nothing else.
    return system_failure(data);
  }
  return data;
}

std::string sockets_of(const std::string& data) {
  const std::string beside = data + "/run";
  if (beside.size() + 1 + socket_name_max < sizeof(sockaddr_un::sun_path)) return beside;
  std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a
  for (const char c : beside) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3ULL;
  return fmt::format("/tmp/parley-{}-{:016x}", geteuid(), hash);
}

std::string owner_of(int lock) {
  char text[32] = {};
  const ssize_t got = pread(lock, text, sizeof text - 1, 0);
  return got > 0 ? std::string(text, static_cast<std::size_t>(got)) : "";
}

bool is_alive(const std::string& pid) {
  if (pid.empty()) return false;
  return fs::exists("/proc/" + pid);
}

Status take_lock(int lock, const std::string& data) {
  const Instant deadline = monotonic_now() + dying_family_limit;
  while (flock(lock, LOCK_EX | LOCK_NB) < 0) {
    const std::string owner = owner_of(lock);
    if (is_alive(owner))
      return fail(Errc::conflict, data + " is in use: parley up runs there as process " + owner);
    if (monotonic_now() > deadline)
      return fail(Errc::conflict, data + " is in use: processes of a former parley up do not end");
    poll(nullptr, 0, 20);
  }
  const std::string own = std::to_string(getpid());
  if (ftruncate(lock, 0) < 0 || pwrite(lock, own.data(), own.size(), 0) < 0)
    return system_failure(data + "/lock");
  return {};
}

}  // namespace

Result<DataDirectory> DataDirectory::claim(const std::string& path) {
  PARLEY_TRY(const std::string data, data_directory(path));
  const int lock = open((data + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock < 0) return system_failure(data + "/lock");
  DataDirectory directory(data, sockets_of(data), lock);
  PARLEY_CHECK(take_lock(lock, data));
  for (const char* folder : {"etc", "keys", "log", "run"})
    PARLEY_CHECK(make_private_directory(data + "/" + folder, 0700));
  PARLEY_CHECK(make_private_directory(directory.sockets_, 0700));
  return directory;
}

DataDirectory::DataDirectory(DataDirectory&& other) noexcept
    : path_(std::move(other.path_)),
      sockets_(std::move(other.sockets_)),
      lock_fd_(std::exchange(other.lock_fd_, -1)) {}

DataDirectory::~DataDirectory() {
  if (lock_fd_ < 0) return;
  // ZeroMQ leaves its sockets' files behind.
  std::error_code ignored;
  if (sockets_ != path_ + "/run") fs::remove_all(sockets_, ignored);
  close(lock_fd_);
}

std::string DataDirectory::endpoint(std::string_view name) const {
  return "ipc://" + sockets_ + "/" + std::string(name);
}

std::string DataDirectory::in(std::string_view folder, std::string_view name,
                              std::string_view suffix) const {
  return fmt::format("{}/{}/{}{}", path_, folder, name, suffix);
}

Status write_file(const std::string& path, std::string_view content) {
  const std::string next = path + ".new";
  const int fd = open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return system_failure(next);
  const bool written = write(fd, content.data(), content.size()) ==
                           static_cast<ssize_t>(content.size()) &&
                       fsync(fd) == 0;
  const int reason = errno;
  close(fd);
  errno = reason;
  if (!written || rename(next.c_str(), path.c_str()) < 0) return system_failure(path);
  return {};
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return system_failure(path);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

}  // namespace parley
