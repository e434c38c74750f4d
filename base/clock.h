// Time, always injected. Pure code takes an `Instant now` as a parameter; shells read the clock
// once per loop turn, so that time stands still within a turn.
#pragma once

#include <chrono>
#include <cstdint>

namespace parley {

using Duration = std::chrono::nanoseconds;
// Monotonic (CLOCK_MONOTONIC): deadlines, leases, rates. Means nothing to another machine.
using Instant = std::chrono::time_point<std::chrono::steady_clock, Duration>;

using namespace std::chrono_literals;  // 500ms, 3s: durations read as what they are

inline Instant monotonic_now() {
  return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
}

// Milliseconds since 1970 UTC, for people only: nothing is ever ordered by it.
inline std::int64_t wall_clock_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

inline std::int64_t to_ms(Duration d) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
}

}  // namespace parley
