// How a mixed batch is cut into groups of one verb each, so that a handler gets as many requests as
// possible at once. Guarantee: of two requests with the same routing key the earlier one is never
// in a later group, and within a group the order of arrival stays. Requests with different keys may
// overtake each other. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "workers/job.h"

namespace parley {

struct VerbGroup {
  std::uint16_t verb = 0;
  std::vector<std::size_t> members;  // places in the batch, ascending
};

// Groups in the order in which they must be carried out.
std::vector<VerbGroup> plan_batch(std::span<const Job> batch);

}  // namespace parley
