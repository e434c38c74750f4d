#include "gateway/fences.h"

namespace parley {

void Fences::replaced(UserId user, std::uint8_t device_class, Generation generation, Instant now) {
  add(user, {.reason = Errc::replaced, .device_class = device_class, .below = generation}, now);
}

void Fences::revoked(UserId user, DeviceId device, Generation generation, Instant now) {
  add(user,
      {.reason = Errc::revoked, .device = device, .below = Generation{generation.value + 1}}, now);
}

void Fences::add(UserId user, const Fence& fence, Instant now) {
  forget_expired(now);
  if (order_.size() >= fences_max_) forget_oldest();
  by_user_[user].push_back(fence);
  by_user_[user].back().until = now + keep_;
  order_.emplace_back(now + keep_, user);
}

void Fences::forget_expired(Instant now) {
  while (!order_.empty() && order_.front().first <= now) forget_oldest();
}

void Fences::forget_oldest() {
  const auto found = by_user_.find(order_.front().second);
  found->second.erase(found->second.begin());
  if (found->second.empty()) by_user_.erase(found);
  order_.pop_front();
}

std::optional<Errc> Fences::against(const SessionIdentity& identity, Instant now) const {
  const auto found = by_user_.find(identity.user);
  if (found == by_user_.end()) return std::nullopt;
  for (const Fence& fence : found->second) {
    const bool meant = fence.reason == Errc::replaced ? fence.device_class == identity.device_class
                                                      : fence.device == identity.device;
    if (meant && identity.generation < fence.below && now < fence.until) return fence.reason;
  }
  return std::nullopt;
}

}  // namespace parley
