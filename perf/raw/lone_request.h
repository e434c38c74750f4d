// How long a request takes when nothing else is under way, for peers that pack what they say into batches and for
// peers that do not: the same two processes, through the same broker, one request of either side after the other
// in the order ABBA, so that whatever else the machine does it does to both.
#pragma once

#include <array>

#include "perf/raw/bus_echo.h"

namespace parley::perf {

struct LoneLoad {
  std::array<Packing, 2> sides;
  Duration warmup = 200ms;
  Duration length = 2s;
};

// Of each side the p50, from saying a request to reading its answer. io: an answer was not what was asked, did not
// come, or was not made by that side's worker. Requires: as Child::start.
Result<std::array<Duration, 2>> lone_latencies(const BusAddress& address, const LoneLoad& load);

}  // namespace parley::perf
