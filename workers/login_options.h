// What an operator may change about logins, and what is fixed about tokens.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace parley {

struct LoginOptions {
  bool registration = true;
  std::uint64_t registrations_per_hour = 20;  // from one network address; 0 = no bound
  std::uint64_t failures_per_hour = 60;  // wrong passwords from one network address; 0 = no bound
  std::uint64_t logins_per_hour = 600;  // passwords looked at, right or wrong; 0 = no bound
  // Told to clients after login; the gateway enforces them.
  std::uint64_t requests_in_flight_max = 64;
  std::uint64_t ping_every_ms = 30'000;
};

inline constexpr std::int64_t access_token_ms = 15 * 60'000;
inline constexpr std::int64_t device_token_ms = 30LL * 24 * 3'600'000;  // from its last use
inline constexpr std::int64_t device_token_family_ms =
    90LL * 24 * 3'600'000;  // from the password login
// How long the predecessor of a device token may still be shown: its reply may have been lost.
inline constexpr std::int64_t rotation_grace_ms = 60'000;

}  // namespace parley
