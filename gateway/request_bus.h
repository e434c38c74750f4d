// What a gateway needs of the bus. publisher_bus.h is the real one; tests and benchmarks answer in-process.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "proto/envelope.h"

namespace parley {

class RequestBus {
 public:
  virtual ~RequestBus() = default;
  // Publishes a request and returns its number. Exactly one answer with header.id.number equal to it
  // comes by Gateway::on_reply, never from within this call. retry_later: too much is unanswered.
  virtual Result<std::uint64_t> publish(const EnvelopeHeader& header, std::string_view body) = 0;
};

}  // namespace parley
