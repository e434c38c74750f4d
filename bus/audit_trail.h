// Which events that others can cause get a line in the log: nobody must be able to fill it. Each culprit has its
// rate, all of them together have one. What got no line is counted. Pure; at most culprits_max are
// remembered, beyond that only the common rate holds.
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
  // As it is for refusals: each culprit at once, then once a minute.
  struct Rates {
    Rate each{.count = 1, .burst = 1, .period = 60s};
    Rate together{.count = 1, .burst = 20};
  };
  static constexpr Duration tell_again_after = 60s;
  static constexpr std::size_t culprits_max = 4'096;

  AuditTrail() = default;
  explicit AuditTrail(const Rates& rates) : rates_(rates) {}

  // Whether this one gets a line. `culprit`: a key, a name, an address.
  bool admits(const std::string& culprit, Instant now);
  // Events without a line since the last call that returned some; 0 when there are none, or a line about
  // them would be too much as well.
  std::uint64_t take_suppressed(Instant now);

 private:
  Rates rates_;
  TokenBucket together_;
  std::unordered_map<std::string, TokenBucket> culprits_;
  std::uint64_t suppressed_ = 0;
  Instant told_at_ = {};
};

}  // namespace parley
