// What a fault costs those whom it meets: the acks that were awaited when something was broken.
#pragma once

#include "perf/histogram.h"
#include "cli/verify/history.h"

namespace parley::test {

using namespace verify;  // histories and what judges them

// From sending to ack, of each message that was unanswered at the time of a fault. One that met two
// faults counts once.
perf::LatencyHistogram acks_that_met_a_fault(const History& history);

}  // namespace parley::test
