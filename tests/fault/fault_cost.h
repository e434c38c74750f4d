// What a fault costs those whom it meets: the acks that were awaited when something was broken.
#pragma once

#include "cli/verify/history.h"
#include "perf/histogram.h"

namespace parley::test {

using namespace verify;  // histories and what judges them

// From sending to ack, of every message.
perf::LatencyHistogram all_acks(const History& history);

// From sending to ack, of each message that was unanswered at the time of a fault. One that met two
// faults counts once.
perf::LatencyHistogram acks_that_met_a_fault(const History& history);

}  // namespace parley::test
