#include "base/token_bucket.h"

#include <algorithm>

namespace parley {

bool TokenBucket::take(const Rate& rate, Instant now) {
  if (!rate.limited()) return true;
  if (wait(rate, now) > Duration::zero()) return false;
  charge(rate, now);
  return true;
}

void TokenBucket::charge(const Rate& rate, Instant now) {
  if (rate.limited()) full_at_ = std::max(full_at_, now) + rate.interval();
}

Duration TokenBucket::wait(const Rate& rate, Instant now) const {
  if (!rate.limited()) return Duration::zero();
  const Instant after = std::max(full_at_, now) + rate.interval();
  return std::max(after - (now + rate.refill()), Duration::zero());
}

}  // namespace parley
