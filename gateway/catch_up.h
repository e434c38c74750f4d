// When everybody who is connected here is told to compare his list of conversations, because pushes may
// have been missed: a broker was lost and is back, or the routes were. Only once the routes are reported
// again, so that nothing is missed any more; spread over the clients, and not again before they are done.
// Pure.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>

#include "base/clock.h"

namespace parley {

class CatchUp {
 public:
  // What the lists of so many sessions may cost: a thousand a second.
  static constexpr Duration per_session = std::chrono::milliseconds(1);
  static constexpr Duration spread_min = std::chrono::seconds(2);
  static constexpr Duration spread_max = std::chrono::seconds(60);

  void pushes_may_be_missing() { wanted_ = true; }

  // Within which time everybody should look, if it is to be told now. `routes_are_reported`: the route
  // service has confirmed everybody who is here.
  std::optional<Duration> take(bool routes_are_reported, std::size_t sessions, Instant now) {
    if (!wanted_ || !routes_are_reported || now < not_before_) return std::nullopt;
    wanted_ = false;
    if (sessions == 0) return std::nullopt;
    const Duration wanted = static_cast<Duration::rep>(sessions) * per_session;
    const Duration spread = std::clamp(wanted, spread_min, spread_max);
    not_before_ = now + spread;
    return spread;
  }

 private:
  bool wanted_ = false;
  Instant not_before_{};
};

}  // namespace parley
