// Requests on their way through a worker's threads, and what becomes of them.
#pragma once

#include <string>
#include <vector>

#include "bus/consumer.h"
#include "workers/outcome.h"

namespace parley {

// A request that waits for its thread.
struct Job {
  BusRequest request;
  Instant arrived;
};

inline std::size_t bytes_of(const Job& job) { return sizeof job + job.request.body.size(); }

// A request with its answer; the request's body is gone.
struct Answered {
  BusRequest request;
  EnvelopeHeader header;  // user, device, generation, target, flags, error, retry_after_ms
  std::string body;
};

// A part of a batch that is done: the answers are sent before the deliveries.
struct Finished {
  std::vector<Answered> answers;
  std::vector<Delivery> deliveries;
};

}  // namespace parley
