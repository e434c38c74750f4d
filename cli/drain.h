// `parley drain NAME`: a worker, gateway, business system or broker takes nothing new, finishes what it has,
// and ends. Under `parley up` it is then started again, and waited for: one after the other that is a rolling
// restart.
#pragma once

#include <string>

#include "base/clock.h"
#include "cli/operator_options.h"

namespace parley {

struct DrainOptions {
  enum class LastOne { refuse, drain };  // of a service, the gateways or the brokers
  OperatorOptions who;
  std::string name;
  LastOne last_one = LastOne::refuse;
  // So long until that life of it has ended and, with a data directory, the next has begun; zero: not
  // at all.
  Duration wait = Duration::zero();
};

// Exit code: 0 asked (and ended), 1 nobody knows it, refused, or not in time.
int run_drain(const DrainOptions& options);

}  // namespace parley
