// A request as a worker gets it from the bus.
#pragma once

#include <cstdint>
#include <string>

#include "proto/envelope.h"

namespace parley {

// `via` names the broker that waits for its answer.
struct BusRequest {
  EnvelopeHeader header;
  std::string body;
  std::uint32_t via = 0;
  std::uint64_t via_epoch = 0;  // the registration it came over: an answer over a later one is lost
};

}  // namespace parley
