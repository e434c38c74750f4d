// `parley poison list|retry|drop`: requests that brokers have set aside because workers died of them.
// Whoever sent one was told `internal`; a retry carries it out once more, and nobody waits for its answer.
#pragma once

#include <string>
#include <vector>

#include "cli/operator_options.h"

namespace parley {

struct PoisonOptions {
  enum class What { list, retry, drop };
  OperatorOptions who;
  What what = What::list;
  std::vector<std::string> tickets;  // BROKER:NUMBER; none: all
};

// Exit code: 0 all done, 1 otherwise: a broker does not answer or is not known, a ticket is gone.
int run_poison(const PoisonOptions& options);

}  // namespace parley
