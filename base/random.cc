#include "base/random.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>

#include "base/assert.h"

namespace parley {

void secure_random(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const ssize_t got = getrandom(out.data(), out.size(), 0);
    PARLEY_ASSERT(got > 0 || errno == EINTR);
    if (got > 0) out = out.subspan(static_cast<std::size_t>(got));
  }
}

std::uint64_t secure_random_id() {
  std::array<std::uint8_t, 8> bytes{};
  do {
    secure_random(bytes);
  } while (std::bit_cast<std::uint64_t>(bytes) == 0);
  return std::bit_cast<std::uint64_t>(bytes);
}

std::uint64_t Random::next() {
  std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

Duration Random::between(Duration low, Duration high) {
  PARLEY_ASSERT(low <= high);
  const auto width = static_cast<std::uint64_t>((high - low).count()) + 1;
  return low + Duration(static_cast<std::int64_t>(below(width)));
}

Duration backoff(unsigned attempt, Duration base, Duration cap, Random& random) {
  const auto factor = std::int64_t{1} << std::min(attempt, 20U);
  const Duration full = std::min(base * factor, cap);
  return full / 2 + random.between(Duration::zero(), full / 2);
}

Duration pause_after_refusal(Duration own, Duration hint, Random& random) {
  return std::max(own, hint + random.between(Duration::zero(), hint / 2));
}

}  // namespace parley
