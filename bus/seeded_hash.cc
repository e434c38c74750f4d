#include "bus/seeded_hash.h"

#include "base/random.h"

namespace parley {

std::uint64_t process_hash_seed() {
  static const std::uint64_t seed = secure_random_id();
  return seed;
}

}  // namespace parley
