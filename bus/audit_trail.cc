#include "bus/audit_trail.h"

namespace parley {

bool AuditTrail::admits(const std::string& culprit, Instant now) {
  const auto found = culprits_.find(culprit);
  const bool is_too_soon =
      found != culprits_.end() && found->second.wait(rates_.each, now) > Duration::zero();
  if (is_too_soon || !together_.take(rates_.together, now)) {
    ++suppressed_;
    return false;
  }
  if (found == culprits_.end() && culprits_.size() >= culprits_max)
    std::erase_if(culprits_, [now](const auto& one) { return one.second.full(now); });
  if (found != culprits_.end() || culprits_.size() < culprits_max)
    culprits_[culprit].take(rates_.each, now);
  return true;
}

std::uint64_t AuditTrail::take_suppressed(Instant now) {
  if (suppressed_ == 0 || now - told_at_ < tell_again_after) return 0;
  told_at_ = now;
  return std::exchange(suppressed_, 0);
}

}  // namespace parley
