// A Parley for one measurement: the processes of `parley up` (cli/family.h) in a temporary
// directory, with the limits on single clients lifted (a few clients stand for many) and nothing
// else changed.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/family.h"

namespace parley::perf {

// Removed when the object dies.
class TemporaryDirectory {
 public:
  static Result<TemporaryDirectory> make();
  ~TemporaryDirectory();
  TemporaryDirectory(TemporaryDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryDirectory& operator=(TemporaryDirectory&&) = delete;
  const std::string& path() const { return path_; }

 private:
  explicit TemporaryDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// Start it from the main thread: its processes die with the thread that started them.
class PrivateCluster {
 public:
  struct Options {
    std::string programs;  // folder of our programs
    unsigned brokers = 2;  // as `parley up` starts them
    unsigned workers = 2;
  };
  // io: it does not come up; with the end of the log that says why.
  static Result<PrivateCluster> start(const Options& wanted);
  ~PrivateCluster();  // stops everything in order
  PrivateCluster(PrivateCluster&&) = default;
  PrivateCluster& operator=(PrivateCluster&&) = delete;

  const std::string& gateway() const { return family_.gateways().front(); }
  const std::string& pin() const { return family_.pin(); }
  std::string database() const { return family_.database_url(); }
  // 0: no such process.
  pid_t pid(const std::string& name) const;
  // "broker=123" …: for LoadOptions::watched, one name per kind of process.
  std::vector<std::string> watched() const;

 private:
  struct Running {
    const Member* member;
    Process process;
  };

  PrivateCluster(TemporaryDirectory directory, DataDirectory data, Family family);
  Status start_all();
  Status start(const Member& member);

  TemporaryDirectory directory_;
  DataDirectory data_;
  Family family_;
  std::vector<Running> running_;
};

}  // namespace parley::perf
