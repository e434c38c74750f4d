// A connection's frame rate, and the patience with who does not heed it. Who is over the rate is told to
// wait. A client that waits, and one that had more under way when it was told, gets no strike: only what
// arrives after it must have heard the hint and before the hint is over is one, and at most one a hint.
// Pure. 40 bytes; no allocation.
#pragma once

#include <cstdint>

#include "base/token_bucket.h"

namespace parley {

struct RateRule {
  Rate rate{20, 40};
  std::uint64_t strikes_max = 3;  // this many within the window close the connection; 0: never
  Duration strikes_window = 10s;
  Duration heard_after = 250ms;  // by then the client must have read the hint
  Duration hint_min = 1s;        // a hint is at least this long
};

class RateGuard {
 public:
  enum class Verdict { pass, wait, close };

  // A frame came. wait: refuse it and tell hint(). close: refuse it and close.
  Verdict on_frame(const RateRule& rule, Instant now);
  // Requires: the last verdict was wait or close.
  Duration hint(Instant now) const { return hint_until_ - now; }

 private:
  void strike(const RateRule& rule, Instant now);

  TokenBucket bucket_;
  Instant told_at_{};
  Instant hint_until_{};
  Instant first_strike_{};
  std::uint32_t strikes_ = 0;
  bool struck_ = false;  // during this hint
};

}  // namespace parley
