// How often a principal may ask a broker for what costs it something, by his role. What is counted is
// his key, whatever connections and names he uses it for; where there are no keys, his name. Pure;
// bounded memory (keyed_buckets.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/keyed_buckets.h"
#include "bus/principal.h"

namespace parley {

struct RoleRates {
  Rate gateway{.count = 200'000, .burst = 400'000};  // requests; more get retry_later
  Rate worker{.count = 200'000, .burst = 400'000};   // deliveries; more are dropped
  Rate business{.count = 2'000, .burst = 4'000};     // requests; more get rate_limited
  Rate admin{.count = 50, .burst = 100};             // questions; likewise
  Rate registrations{.count = 20, .burst = 300};     // of any role; likewise
};

class RoleMeter {
 public:
  RoleMeter(const RoleRates& rates, std::size_t principals_max);

  // What his takings are counted under; never 0.
  static std::uint64_t account_of(const Principal& who, std::string_view name);

  bool may_register(std::uint64_t account, Instant now) {
    return registrations_.take(account, now);
  }
  bool may_ask(Role role, std::uint64_t account, Instant now) {
    return by_role_[static_cast<std::size_t>(role)].take(account, now);
  }

 private:
  KeyedBuckets registrations_;
  std::array<KeyedBuckets, 4> by_role_;
};

}  // namespace parley
