// What the load generator is asked to do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"

namespace parley::perf {

enum class LoadMode { closed, open, idle };

struct LoadOptions {
  std::string gateway = "127.0.0.1:7100";
  std::string pin = {};  // "<key id>:<64 hex digits>"
  std::string database = {};  // role parley_app; makes the users and is compared at the end
  LoadMode mode = LoadMode::closed;
  unsigned pairs = 32;  // of clients that write to each other
  unsigned processes = 1;
  unsigned sources = 1;  // local addresses 127.0.0.1 … to connect from
  unsigned window = 4;   // unanswered messages of one client
  bool one_way = false;  // only the first of each pair writes
  double rate = 1'000;   // open: messages per second of all clients
  unsigned body_bytes = 120;
  double warmup_seconds = 1;
  double seconds = 5;
  double receipt_seconds = 1;        // between two receipts of a client; 0: none
  std::vector<std::string> watched = {};  // "gateway=123": whose processor time is reported

  Duration warmup() const { return to_duration(warmup_seconds); }
  Duration length() const { return to_duration(seconds); }
  static Duration to_duration(double s) {
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(s));
  }
};

}  // namespace parley::perf
