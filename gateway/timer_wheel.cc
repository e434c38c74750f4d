#include "gateway/timer_wheel.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace parley {

TimerWheel::TimerWheel(Instant start, Duration tick, std::size_t buckets)
    : start_(start), tick_(tick), buckets_(buckets) {
  PARLEY_ASSERT(tick > Duration::zero() && buckets > 1);
}

// Whole ticks since the start.
std::uint64_t TimerWheel::ticks(Instant at) const {
  return static_cast<std::uint64_t>(std::max<std::int64_t>((at - start_) / tick_, 0));
}

std::uint64_t TimerWheel::tick_for(Instant at) const {
  return std::clamp<std::uint64_t>(ticks(at) + 1, done_ + 1, done_ + buckets_.size() - 1);
}

std::uint64_t TimerWheel::file(ConnectionId id, Instant at) {
  const std::uint64_t tick = tick_for(at);
  buckets_[tick % buckets_.size()].push_back(id);
  return tick;
}

void TimerWheel::advance(Instant now, std::vector<Due>& due) {
  while (done_ < ticks(now)) {
    ++done_;
    // Moved out: a bucket that was large once does not stay so.
    const auto ids = std::exchange(buckets_[done_ % buckets_.size()], {});
    for (const ConnectionId id : ids) due.push_back({id, done_});
  }
}

}  // namespace parley
