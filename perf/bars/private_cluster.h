// A Parley for one measurement: the processes of `parley up` (cli/family.h) in a temporary
// directory, with the limits on single clients lifted (a few clients stand for many) and nothing
// else changed.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/family.h"
#include "perf/temporary_directory.h"

namespace parley::perf {

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
