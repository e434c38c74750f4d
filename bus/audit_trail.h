// Which refusals get a line in the log: a stranger must not be able to fill it. Each culprit at once, then
// once a minute; all of them together `rate`. What got no line is counted. Pure; at most culprits_max are
// remembered, beyond that only the rate holds.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/clock.h"
#include "base/token_bucket.h"

namespace parley {

class AuditTrail {
 public:
  static constexpr Duration again_after = 60s;
  static constexpr std::size_t culprits_max = 1'000;
  static constexpr Rate rate{.count = 1, .burst = 20};

  // Whether this one gets a line. `culprit`: a key, a name, an address.
  bool admits(const std::string& culprit, Instant now);
  // Refusals without a line since the last call that returned some; 0 when there are none, or a line about
  // them would be too much as well.
  std::uint64_t take_suppressed(Instant now);

 private:
  TokenBucket bucket_;
  std::unordered_map<std::string, Instant> logged_;
  std::uint64_t suppressed_ = 0;
  Instant told_at_ = {};
};

}  // namespace parley
