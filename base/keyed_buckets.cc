#include "base/keyed_buckets.h"

namespace parley {

bool KeyedBuckets::take(std::uint64_t key, Instant now) {
  if (!rate_.limited()) return true;
  if (TokenBucket* known = buckets_.find(key)) return known->take(rate_, now);
  forget_some(now);
  order_.push_back(key);
  return buckets_[key].take(rate_, now);
}

Duration KeyedBuckets::wait(std::uint64_t key, Instant now) const {
  const TokenBucket* known = buckets_.find(key);
  return known ? known->wait(rate_, now) : Duration::zero();
}

// A full bucket says no more than none at all. Two are looked at for each one added, so that the table
// follows what is in use without ever being walked.
void KeyedBuckets::forget_some(Instant now) {
  for (int looked_at = 0; looked_at < 2 && !order_.empty(); ++looked_at) {
    const std::uint64_t oldest = order_.front();
    order_.pop_front();
    if (buckets_.size() >= keys_max_ || buckets_.find(oldest)->full(now)) {
      buckets_.erase(oldest);
    } else {
      order_.push_back(oldest);
    }
  }
}

}  // namespace parley
