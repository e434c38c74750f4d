// `parley trace ID` and `parley trace --user NAME|ID`: what gateways, brokers, workers and business systems
// remember of a request, or of a user's latest. They remember some thousand events each, so ask soon.
#pragma once

#include <cstddef>
#include <string>

#include "cli/operator_options.h"

namespace parley {

struct TraceOptions {
  OperatorOptions who;
  std::string trace;  // hex, as logs write it; or
  std::string user;   // a number, or a name, which is looked up in the database of --data
  std::size_t last = 10;
};

// Exit code: 0 something is known, 1 nothing is, or a broker does not answer.
int run_trace(const TraceOptions& options);

}  // namespace parley
