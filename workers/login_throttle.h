// Who has guessed passwords too often. Failures are counted per (account name, network) and per
// network, so that a stranger cannot lock a person out: he only slows down his own network. Names
// count whether they exist or not. In memory of one thread: a restarted worker has forgotten, and n
// workers allow n times as much.
//
// Pure: time comes in. Bounded: 100,000 (name, network) pairs and 100,000 networks, the longest
// unused are forgotten first.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "workers/lru.h"

namespace parley {

// Tokens per key that refill evenly. One owner thread.
class OriginBudget {
 public:
  // per_hour = 0: no bound. Whoever did nothing for long may do `burst` at once.
  OriginBudget(std::uint64_t per_hour, std::uint64_t burst, std::size_t origins_max = 100'000);

  // How long until this origin may do it once more; zero: now. This host itself is never bound:
  // behind a proxy on the same host everybody comes from there.
  Duration wait(std::uint64_t origin, Instant now);
  void spend(std::uint64_t origin, Instant now);

 private:
  struct Bucket {
    double tokens;
    Instant since;
  };
  Bucket& bucket(std::uint64_t origin, Instant now);

  double per_second_;
  double burst_;
  Lru<std::uint64_t, Bucket> buckets_;
};

class LoginThrottle {
 public:
  explicit LoginThrottle(std::uint64_t failures_per_hour, std::size_t entries_max = 100'000);

  // How long until a password for that name from there is looked at again; zero: now.
  Duration wait(std::string_view name, std::uint64_t origin, Instant now);
  // After 5 failures each further one doubles the wait: 1, 2, 4 … 900 s. An hour without any:
  // forgotten.
  void failed(std::string_view name, std::uint64_t origin, Instant now);
  void succeeded(std::string_view name, std::uint64_t origin);

 private:
  struct Failures {
    unsigned count = 0;
    Instant last;
    Instant not_before;
  };

  Lru<std::string, Failures> failures_;
  OriginBudget budget_;
};

}  // namespace parley
