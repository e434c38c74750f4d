// Rendezvous hashing: every chooser that knows the same candidates chooses the same one for a key, and when
// a candidate goes only its own keys move. (Thaler, Ravishankar: A Name-Based Mapping Scheme for
// Rendezvous, 1996.)
#pragma once

#include <cstdint>

namespace parley {

// The candidate with the highest weight is the key's. `candidate`: hash of a lasting name.
constexpr std::uint64_t rendezvous_weight(std::uint64_t candidate, std::uint64_t key) {
  std::uint64_t z = candidate ^ (key * 0x9E3779B97F4A7C15ULL);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

}  // namespace parley
