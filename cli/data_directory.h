// The directory that `parley up` owns, and where in it what lies:
//
//   lock              held by `parley up` and all its children; one family at a time
//   up.json           what runs now (up_file.h)          client.toml   what a client must know
//   etc/NAME.toml     configuration, written anew at each start
//   keys/             secret keys, 0600, and the list of keys that may use the bus
//   postgres/ redis/  the servers (private_servers.h)
//   log/NAME.log      output of each process              run/     unix sockets
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace parley {

class DataDirectory {
 public:
  // Makes what is missing and takes the lock. A directory that exists keeps its mode; it must be ours
  // alone to write, and empty or one that was claimed before. If a family that was killed is still dying
  // there, waits for its end (15 s at most). conflict: another one runs there. config, io: it cannot be used.
  static Result<DataDirectory> claim(const std::string& path);
  ~DataDirectory();
  DataDirectory(DataDirectory&& other) noexcept;
  DataDirectory& operator=(DataDirectory&&) = delete;

  const std::string& path() const { return path_; }
  // To be kept open in all children, so that the lock lasts as long as the last of them.
  int lock_fd() const { return lock_fd_; }

  std::string config(std::string_view name) const { return in("etc", name, ".toml"); }
  std::string log(std::string_view name) const { return in("log", name, ".log"); }
  std::string key(std::string_view name) const { return in("keys", name, ".key"); }
  // Which keys may use the bus (bus/key_list.h).
  std::string allowed_keys() const { return path_ + "/keys/allowed_keys"; }
  std::string run(std::string_view name) const { return in("run", name, ""); }
  // A ZeroMQ endpoint. When the path would pass a unix socket's 107 bytes, it lies in /tmp instead, in a
  // directory of ours alone.
  std::string endpoint(std::string_view name) const;

 private:
  DataDirectory(std::string path, std::string sockets, int lock_fd)
      : path_(std::move(path)), sockets_(std::move(sockets)), lock_fd_(lock_fd) {}
  std::string in(std::string_view folder, std::string_view name, std::string_view suffix) const;

  std::string path_;
  std::string sockets_;
  int lock_fd_;
};

// Writes a file as a whole or not at all; mode 0600.
Status write_file(const std::string& path, std::string_view content);
Result<std::string> read_file(const std::string& path);

}  // namespace parley
