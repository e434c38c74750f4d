// Deadlines of very many connections on one timer: a hashed wheel of `buckets` ticks. Lazy: an id is filed
// once; when its tick comes its owner looks whether its deadline has really come and files it again if
// not. So activity costs nothing, and nothing is ever taken out: a connection that is gone, or was filed
// anew under another tick, is recognised by its owner. 8 bytes an id. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"

namespace parley {

class TimerWheel {
 public:
  struct Due {
    ConnectionId id;
    std::uint64_t tick;  // under which it was filed
  };

  TimerWheel(Instant start, Duration tick, std::size_t buckets);

  // Files `id` for the first tick after `at`, or for the last one of the wheel if `at` is beyond it.
  // Returns that tick.
  std::uint64_t file(ConnectionId id, Instant at);
  // Appends what was filed for the ticks that have passed.
  void advance(Instant now, std::vector<Due>& due);
  // The tick that `file` would give to `at`: whether filing again would be any earlier.
  std::uint64_t tick_for(Instant at) const;

 private:
  std::uint64_t ticks(Instant at) const;

  Instant start_;
  Duration tick_;
  std::uint64_t done_ = 0;  // ticks up to this have been handed out
  std::vector<std::vector<ConnectionId>> buckets_;
};

}  // namespace parley
