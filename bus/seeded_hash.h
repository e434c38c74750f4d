// Hashes for tables of what strangers choose. A process hashes with a seed that it drew when it began, so nobody who
// knows the code can choose keys that fall into one bucket and make each look at it long. No secret is kept by it
// that matters elsewhere. Pure but for the seed, which tests give.
//
// Requires: std::hash<Key> is 64 bits and tells apart what one stranger can choose.
#pragma once

#include <cstdint>
#include <functional>

namespace parley {

// Random, the same for the life of the process.
std::uint64_t process_hash_seed();

template <typename Key>
class SeededHash {
 public:
  explicit SeededHash(std::uint64_t seed = process_hash_seed()) : seed_(seed) {}

  // All 64 bits are of use, the upper as the lower (splitmix64's finalizer).
  std::size_t operator()(const Key& key) const {
    std::uint64_t z = std::hash<Key>{}(key) ^ seed_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t seed_;
};

}  // namespace parley
