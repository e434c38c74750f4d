#include "gateway/rate_guard.h"

#include <algorithm>

namespace parley {

RateGuard::Verdict RateGuard::on_frame(const RateRule& rule, Instant now) {
  const bool hinted = now < hint_until_;
  if (!hinted && bucket_.take(rule.rate, now)) return Verdict::pass;
  if (!hinted) {
    told_at_ = now;
    hint_until_ = now + std::max(bucket_.wait(rule.rate, now), rule.hint_min);
    struck_ = false;
  } else if (!struck_ && now - told_at_ >= rule.heard_after) {
    strike(rule, now);
  }
  const bool out = rule.strikes_max != 0 && strikes_ >= rule.strikes_max;
  return out ? Verdict::close : Verdict::wait;
}

void RateGuard::strike(const RateRule& rule, Instant now) {
  if (strikes_ == 0 || now - first_strike_ > rule.strikes_window) {
    strikes_ = 0;
    first_strike_ = now;
  }
  ++strikes_;
  struck_ = true;
}

}  // namespace parley
