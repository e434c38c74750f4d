#include "bus/audit_trail.h"

namespace parley {

bool AuditTrail::admits(const std::string& culprit, Instant now) {
  const auto found = logged_.find(culprit);
  const bool is_known = found != logged_.end() && now - found->second < again_after;
  if (is_known || !bucket_.take(rate, now)) {
    ++suppressed_;
    return false;
  }
  if (logged_.size() >= culprits_max)
    std::erase_if(logged_, [now](const auto& one) { return now - one.second >= again_after; });
  if (logged_.size() < culprits_max || found != logged_.end()) logged_[culprit] = now;
  return true;
}

std::uint64_t AuditTrail::take_suppressed(Instant now) {
  if (suppressed_ == 0 || now - told_at_ < again_after) return 0;
  told_at_ = now;
  return std::exchange(suppressed_, 0);
}

}  // namespace parley
