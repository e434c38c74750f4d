// <data>/up.json: what `parley up` runs at this moment, for `parley status`, scripts and tests.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace parley {

struct UpFile {
  struct Process {
    std::string name;   // "worker-1"
    int pid = 0;        // 0: not running
    std::string state;  // as Supervisor::state_name
    std::uint64_t restarts = 0;
    std::string log;
    bool operator==(const Process&) const = default;
  };
  int pid = 0;        // of `parley up`
  std::string state;  // starting, running, stopping, stopped
  std::vector<std::string> gateways;  // "127.0.0.1:7100"
  std::string pin;                    // of the gateways' key
  std::vector<std::string> brokers;   // ZeroMQ endpoints that answer `status`
  std::vector<std::string> business;  // endpoints for business systems: "tcp://… PUBLICKEY"
  std::string database;               // libpq connection string of the application's role
  std::string redis;
  std::vector<Process> processes;
  bool operator==(const UpFile&) const = default;
};

Status write_up_file(const std::string& data, const UpFile& file);
// not_found: nobody ever ran `parley up` there. bad_request: it is not what we write.
Result<UpFile> read_up_file(const std::string& data);
// Whether that `parley up` still lives: one that was killed could not say goodbye.
bool is_running(const UpFile& file);

}  // namespace parley
