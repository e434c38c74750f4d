// When a lost connection may be tried again: pure, the caller brings the time. After a failure at
// most five attempts a second, soon fewer, so that a server that comes back is not met by a herd.
#pragma once

#include "base/clock.h"
#include "base/random.h"

namespace parley {

class Reconnect {
 public:
  static constexpr Duration first_wait = 200ms;
  // Short, because every second here is one in which users wait after the server has come back.
  static constexpr Duration longest_wait = 1s;

  explicit Reconnect(std::uint64_t seed) : random_(seed) {}

  bool may_try(Instant now) const { return now >= next_; }
  // Zero if it may be tried now.
  Duration wait(Instant now) const { return may_try(now) ? Duration::zero() : next_ - now; }
  void failed(Instant now) {
    next_ = now + backoff(failures_++, first_wait, longest_wait, random_);
  }
  void succeeded() { failures_ = 0; }

 private:
  Random random_;
  unsigned failures_ = 0;
  Instant next_{};
};

}  // namespace parley
