#include "perf/temporary_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/clock.h"

namespace parley::perf {
namespace {

namespace fs = std::filesystem;

constexpr const char* directory_prefix = "parley-bench-";
constexpr Duration abandoned_after = 10min;

// Directories of benches that were killed: nobody holds their lock.
void remove_abandoned() {
  std::error_code ignored;  // others may be removing, too
  for (const auto& entry : fs::directory_iterator(fs::temp_directory_path(), ignored)) {
    if (!entry.path().filename().string().starts_with(directory_prefix)) continue;
    const auto age = fs::file_time_type::clock::now() - fs::last_write_time(entry.path(), ignored);
    const int lock = open((entry.path() / "data/lock").c_str(), O_RDWR | O_CLOEXEC);
    const bool held = lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) < 0;
    if (!held && age > abandoned_after) fs::remove_all(entry.path(), ignored);
    if (lock >= 0) close(lock);
  }
}

}  // namespace

Result<TemporaryDirectory> TemporaryDirectory::make() {
  remove_abandoned();
  std::string path = (fs::temp_directory_path() / directory_prefix).string() + "XXXXXX";
  if (mkdtemp(path.data()) == nullptr) return fail(Errc::io, "no temporary directory");
  chmod(path.c_str(), 0711);  // the servers' users have to get through
  return TemporaryDirectory(path);
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;  // what is left is in the temporary directory of the system
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

}  // namespace parley::perf
