// A token bucket per key (user, network address), for keys that others choose: only keys that were used
// lately are kept, and at most `keys_max`; at the bound the one that has been kept longest is forgotten,
// so that a flood of keys costs precision, never memory. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "base/id_map.h"
#include "base/token_bucket.h"

namespace parley {

class KeyedBuckets {
 public:
  KeyedBuckets(Rate rate, std::size_t keys_max) : rate_(rate), keys_max_(keys_max) {}

  // Takes a token of `key`. Requires: key != 0.
  bool take(std::uint64_t key, Instant now);
  Duration wait(std::uint64_t key, Instant now) const;
  std::size_t size() const { return buckets_.size(); }

 private:
  void forget_some(Instant now);

  Rate rate_;
  std::size_t keys_max_;
  IdMap<TokenBucket> buckets_;
  std::deque<std::uint64_t> order_;  // every key of buckets_, once
};

}  // namespace parley
