#include "cli/bus_keys.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <utility>

#include "base/config.h"

namespace parley {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> system_failure(const std::string& what) {
  return fail(Errc::io, what + ": " + std::strerror(errno));
}

std::string folder_of(const std::string& path) {
  const std::string folder = fs::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

// While it lives nobody else edits a list in that folder.
class FolderLock {
 public:
  explicit FolderLock(const std::string& folder)
      : fd_(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (fd_ >= 0) flock(fd_, LOCK_EX);
  }
  ~FolderLock() {
    if (fd_ >= 0) close(fd_);
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  bool sync() const { return fd_ >= 0 && fsync(fd_) == 0; }

 private:
  int fd_;
};

// The rights of the file that is replaced; those of a secret if there is none.
struct Rights {
  mode_t mode = 0600;
  std::optional<std::pair<uid_t, gid_t>> owner = {};
};

Rights rights_of(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return {};
  return {info.st_mode & 07777, std::pair{info.st_uid, info.st_gid}};
}

bool write_with(int fd, const Rights& rights, std::string_view content) {
  if (rights.owner && fchown(fd, rights.owner->first, rights.owner->second) != 0) return false;
  return fchmod(fd, rights.mode) == 0 &&
         write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()) &&
         fsync(fd) == 0;
}

Status replace(const std::string& path, std::string_view content, const FolderLock& lock) {
  const std::string next = path + ".next";
  const Rights rights = rights_of(path);
  const int fd = open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return system_failure(next);
  const bool written = write_with(fd, rights, content);
  const int reason = std::exchange(errno, 0);
  close(fd);
  errno = reason;
  if (!written || rename(next.c_str(), path.c_str()) != 0 || !lock.sync())
    return system_failure(path);
  return {};
}

// The text and what it says; of a list that is not there the preface.
struct Listed {
  std::string text;
  KeyList keys;
};

Result<Listed> read_list(const std::string& path) {
  PARLEY_TRY(std::string text, read_trusted_file(path, key_list_bytes_max));
  PARLEY_TRY(KeyList keys, KeyList::parse(text, path));
  return Listed{std::move(text), std::move(keys)};
}

Result<Listed> read_or_begin_list(const std::string& path) {
  if (fs::exists(fs::symlink_status(path))) return read_list(path);
  return Listed{std::string(key_list_preface), {}};
}

std::optional<KeyEntry> entry_of(const KeyList& keys, std::string_view key) {
  for (const KeyEntry& entry : keys.entries())
    if (entry.key == key) return entry;
  return std::nullopt;
}

Status add_line(const std::string& path, const Listed& list, const KeyEntry& entry,
                const FolderLock& lock) {
  if (entry_of(list.keys, entry.key))
    return fail(Errc::conflict, path + ": this key has a line already");
  const std::string longer = with_entry(list.text, entry);
  PARLEY_CHECK(KeyList::parse(longer, path));  // its bounds
  return replace(path, longer, lock);
}

// A line that could not be made sure of may still be there: then its pair is needed.
void remove_unless_listed(const std::string& file, const std::string& list,
                          const std::string& key) {
  const auto now = read_list(list);
  if (now && !entry_of(now->keys, key)) unlink(file.c_str());
}

std::string oddities(const KeyList& keys) {
  std::map<std::pair<Role, std::string>, int> counts;
  for (const KeyEntry& entry : keys.entries()) ++counts[{entry.role, entry.names}];
  std::string text;
  for (const auto& [what, count] : counts) {
    const auto& [role, names] = what;
    if (count > 1)
      text += fmt::format("! {} {} has {} keys: revoke the former ones after a rotation\n",
                          name_of(role), names, count);
    if (names == "*")
      text += fmt::format("! {} * is valid under every name\n", name_of(role));
  }
  return text;
}

}  // namespace

Result<std::string> make_bus_key(const std::string& path) {
  auto pair = fs::exists(fs::symlink_status(path)) ? load_key_pair(path) : create_key_pair(path);
  if (!pair) return tl::unexpected(pair.error());
  return pair->public_key;
}

Result<std::string> public_key_from(const std::string& text) {
  if (is_curve_key(text)) return text;
  if (!fs::exists(text))
    return fail(Errc::config, text + ": neither a public key (40 characters) nor a pair's file");
  PARLEY_TRY(const CurveKeyPair pair, load_key_pair(text));
  return pair.public_key;
}

Status allow_key(const std::string& list, const KeyEntry& entry) {
  const FolderLock lock(folder_of(list));
  PARLEY_TRY(const Listed now, read_or_begin_list(list));
  return add_line(list, now, entry, lock);
}

Result<KeyEntry> revoke_key(const std::string& list, const std::string& key) {
  const FolderLock lock(folder_of(list));
  PARLEY_TRY(const Listed now, read_list(list));
  const auto entry = entry_of(now.keys, key);
  if (!entry) return fail(Errc::not_found, list + ": no line has this key");
  PARLEY_CHECK(replace(list, without_key(now.text, key), lock));
  return *entry;
}

Result<Rotation> rotate_key(const std::string& list, const std::string& file) {
  const FolderLock lock(folder_of(list));
  PARLEY_TRY(const CurveKeyPair former, load_key_pair(file));
  PARLEY_TRY(const Listed now, read_list(list));
  const auto entry = entry_of(now.keys, former.public_key);
  if (!entry) return fail(Errc::not_found, list + ": no line has the key of " + file);
  const std::string next_file = file + ".new";
  // One without a line is of a rotation that did not get so far.
  const bool is_there = fs::exists(fs::symlink_status(next_file));
  PARLEY_TRY(const CurveKeyPair next,
             is_there ? load_key_pair(next_file) : create_key_pair(next_file));
  const Status added = add_line(list, now, {entry->role, entry->names, next.public_key}, lock);
  if (!added && !is_there) remove_unless_listed(next_file, list, next.public_key);
  PARLEY_CHECK(added);
  return Rotation{*entry, next_file, next.public_key};
}

Result<std::string> describe_keys(const std::string& list) {
  PARLEY_TRY(const Listed now, read_list(list));
  std::string text;
  for (const KeyEntry& entry : now.keys.entries())
    text += fmt::format("{:<10}{:<32}{}…\n", name_of(entry.role), entry.names,
                        fingerprint(entry.key));
  return text + oddities(now.keys);
}

}  // namespace parley
