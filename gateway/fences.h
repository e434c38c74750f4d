// What has ended lately: "sessions of this user on this class (or device) below that generation are over".
// The bus gives no order between a login's reply and the notice that ends it again, so a notice is
// remembered for a while and held against logins that arrive after it. Pure.
// Bound: `fences_max`; at the bound the oldest is forgotten before its time.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"

namespace parley {

// Who a session belongs to, as the login's reply said.
struct SessionIdentity {
  UserId user;
  DeviceId device;
  Generation generation;
  std::uint8_t device_class = 0;  // DeviceClass of common.proto
};

class Fences {
 public:
  explicit Fences(Duration keep = 10s, std::size_t fences_max = 65'536)
      : keep_(keep), fences_max_(fences_max) {}

  // Sessions of that class with a lower generation are over.
  void replaced(UserId user, std::uint8_t device_class, Generation generation, Instant now);
  // Sessions of that device up to and including the generation are over.
  void revoked(UserId user, DeviceId device, Generation generation, Instant now);

  // Why a session with this identity is over already; nothing if it is not.
  std::optional<Errc> against(const SessionIdentity& identity, Instant now) const;
  // Gives back the memory of those that hold no more.
  void forget_expired(Instant now);
  std::size_t size() const { return order_.size(); }

 private:
  struct Fence {
    Errc reason = Errc::replaced;
    std::uint8_t device_class = 0;  // of a replacement
    DeviceId device = {};           // of a revocation
    Generation below = {};
    Instant until{};
  };
  void add(UserId user, const Fence& fence, Instant now);
  void forget_oldest();

  Duration keep_;
  std::size_t fences_max_;
  std::unordered_map<UserId, std::vector<Fence>> by_user_;  // each oldest first
  std::deque<std::pair<Instant, UserId>> order_;            // one for each fence, oldest first
};

}  // namespace parley
