// `parley status`: who serves what, how much is queued, what went wrong, as the brokers see it.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "cli/operator_options.h"
#include "cli/status_report.h"

namespace parley {

struct StatusOptions {
  OperatorOptions who;
  bool json = false;
  // Prints nothing, but waits until all these are registered with every broker.
  std::vector<std::string> peers;
  Duration wait = Duration::zero();
};

// Exit code: 0 all brokers answered (and know all peers), 1 otherwise.
int run_status(const StatusOptions& options);

// Asks all brokers at once.
std::vector<BrokerAnswer> ask_brokers(const Endpoints& endpoints, Duration limit);

}  // namespace parley
