// Chance, always injected where a test wants to repeat it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/clock.h"

namespace parley {

// Fills `out` from the kernel (getrandom). For keys, tokens, ids. Aborts if the kernel cannot.
void secure_random(std::span<std::uint8_t> out);
// A non-zero id from secure_random.
std::uint64_t secure_random_id();

// splitmix64: small, fast, seeded; for jitter and simulations, never for secrets. One owner thread.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next();
  // Uniform in [0, bound). Requires: bound > 0.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  // Uniform in [low, high].
  Duration between(Duration low, Duration high);

 private:
  std::uint64_t state_;
};

// Equal jitter (half fixed, half random) over an exponential: attempt 0 waits around `base`, each
// further one twice as long, never more than `cap`. Equal jitter because after a restart of what
// all wait for, everybody would otherwise come back in the same millisecond.
Duration backoff(unsigned attempt, Duration base, Duration cap, Random& random);

// The pause of who was refused: `own`, but no shorter than the `hint` that came with the refusal,
// and then up to half of it more, lest all who were refused together return together.
Duration pause_after_refusal(Duration own, Duration hint, Random& random);

}  // namespace parley
