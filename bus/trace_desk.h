// Which operator waits for answers to which trace query. Pure. At most 64 at once, each for two
// seconds: the oldest is forgotten.
#pragma once

#include <cstdint>
#include <deque>

#include "base/clock.h"
#include "bus/broker_types.h"

namespace parley {

class TraceDesk {
 public:
  struct Open {
    std::uint64_t number;  // of our query
    PeerKey asker;
    RequestId about;  // the asker's own id for it
    Instant until;
  };

  const Open& open(const PeerKey& asker, const RequestId& about, Instant now) {
    if (open_.size() >= open_max) open_.pop_front();
    open_.push_back({++last_number_, asker, about, now + patience});
    return open_.back();
  }
  // Null: nobody waits for it (any more).
  const Open* find(std::uint64_t number, Instant now) {
    while (!open_.empty() && open_.front().until <= now) open_.pop_front();
    for (const Open& open : open_)
      if (open.number == number) return &open;
    return nullptr;
  }

 private:
  static constexpr std::size_t open_max = 64;
  static constexpr Duration patience = 2s;
  std::uint64_t last_number_ = 0;
  std::deque<Open> open_;
};

}  // namespace parley
