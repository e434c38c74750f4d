// What somebody would send who knows the code of SeededHash and guesses its seed: hashes that fall into one bucket.
#pragma once

#include <cstdint>
#include <vector>

namespace parley {

// Of an odd number, modulo 2^64.
constexpr std::uint64_t inverse_of(std::uint64_t odd) {
  std::uint64_t inverse = odd;
  for (int i = 0; i < 6; ++i) inverse *= 2 - odd * inverse;
  return inverse;
}

constexpr std::uint64_t without_xorshift(std::uint64_t z, unsigned shift) {
  std::uint64_t plain = z;
  for (unsigned i = shift; i < 64; i += shift) plain = z ^ (plain >> shift);
  return plain;
}

// Values of std::hash that a SeededHash of that seed makes 0, 1, 2 …: buckets are told apart by the upper bits.
inline std::vector<std::uint64_t> hashes_for_one_bucket(std::uint64_t seed, std::uint64_t count) {
  std::vector<std::uint64_t> hashes;
  for (std::uint64_t wanted = 0; wanted < count; ++wanted) {
    std::uint64_t z = without_xorshift(wanted, 31) * inverse_of(0x94D049BB133111EBULL);
    z = without_xorshift(z, 27) * inverse_of(0xBF58476D1CE4E5B9ULL);
    hashes.push_back(without_xorshift(z, 30) ^ seed);
  }
  return hashes;
}

}  // namespace parley
