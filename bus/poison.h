// Requests that were set aside after limits::attempts_max workers died of them, until an operator
// has them tried again or dropped. Pure. Bounded in number and bytes: the oldest is forgotten
// first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "base/clock.h"
#include "base/ids.h"
#include "proto/envelope.h"

namespace parley {

// The whole request, which may be somebody's words: the bytes are never shown or logged.
struct ParkedRequest {
  std::uint64_t ticket = 0;  // this broker's own number for it
  RequestId id = {};
  std::uint16_t verb = 0;
  UserId user = {};
  std::uint64_t key = 0;
  std::uint64_t trace = 0;
  Instant parked_at = {};
  std::string bytes = {};
};

class Poison {
 public:
  Poison(std::size_t requests_max, std::size_t bytes_max)
      : requests_max_(requests_max), bytes_max_(bytes_max) {}

  // Gives it its ticket.
  const ParkedRequest& add(ParkedRequest request);
  // Null: no such ticket.
  const ParkedRequest* find(std::uint64_t ticket) const;
  // False: no such ticket.
  bool drop(std::uint64_t ticket);
  // Oldest first.
  const std::deque<ParkedRequest>& all() const { return requests_; }

 private:
  std::size_t requests_max_;
  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::uint64_t last_ticket_ = 0;
  std::deque<ParkedRequest> requests_;
};

}  // namespace parley
