// How often something may happen: `count` per period in the long run, `burst` at once. One instant of state (the
// generic cell rate algorithm), so that a bucket per connection costs 8 bytes. Pure.
#pragma once

#include "base/clock.h"

namespace parley {

// count 0: no limit.
struct Rate {
  std::uint64_t count = 0;
  std::uint64_t burst = 1;
  Duration period = 1s;

  bool limited() const { return count != 0; }
  Duration interval() const { return period / static_cast<std::int64_t>(count); }
  // From empty to full.
  Duration refill() const { return interval() * static_cast<std::int64_t>(burst); }
};

class TokenBucket {
 public:
  // Takes a token if there is one.
  bool take(const Rate& rate, Instant now);
  // Takes a token that may not be there yet: what comes after it waits for longer.
  void charge(const Rate& rate, Instant now);
  // How long until there is a token. Zero if there is one now.
  Duration wait(const Rate& rate, Instant now) const;
  bool full(Instant now) const { return full_at_ <= now; }

 private:
  Instant full_at_{};  // each token taken moves it one interval on
};

}  // namespace parley
