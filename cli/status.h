// `parley status`: who serves what, how much is queued, what went wrong, as the brokers see it.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"

namespace parley {

struct StatusOptions {
  std::string data;                  // of `parley up`; or
  std::vector<std::string> brokers;  // endpoints (bus/endpoint.h)
  std::string key_file;              // our pair of keys, for encrypted ones
  bool json = false;
  // Prints nothing, but waits until all these are registered with every broker.
  std::vector<std::string> peers;
  Duration wait = Duration::zero();
};

// Exit code: 0 all brokers answered (and know all peers), 1 otherwise.
int run_status(const StatusOptions& options);

}  // namespace parley
