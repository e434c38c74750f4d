#include "bus/seeded_hash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "bus/requests.h"
#include "tests/unit/bus/chosen_keys.h"

namespace parley {
namespace {

constexpr std::uint64_t keys_count = 4'096;
// Of as many keys as buckets: seven by chance in the fullest; with all of these seeds far from this.
constexpr std::size_t by_chance = 16;

template <typename Key>
std::size_t fullest_bucket(const std::vector<Key>& keys, const SeededHash<Key>& hash) {
  std::map<std::size_t, std::size_t> counts;
  for (const Key& key : keys) ++counts[hash(key) >> 52];
  const auto fuller = [](const auto& a, const auto& b) { return a.second < b.second; };
  return std::ranges::max_element(counts, fuller)->second;
}

template <typename Key>
void expect_only_the_guessed_seed_to_suffer(const std::vector<Key>& keys, std::uint64_t guessed) {
  EXPECT_EQ(fullest_bucket(keys, SeededHash<Key>(guessed)), keys.size()) << "they are well chosen";
  for (std::uint64_t seed = 1; seed < 50; ++seed)
    EXPECT_LE(fullest_bucket(keys, SeededHash<Key>(guessed ^ (seed << seed))), by_chance) << seed;
  EXPECT_LE(fullest_bucket(keys, SeededHash<Key>()), by_chance) << "of this process";
}

// A business system numbers its requests as it likes.
TEST(SeededHash, NumbersOfRequestsCannotBeChosenForOneBucket) {
  const RequestId mine{.gateway = InstanceId{7}, .boot = BootId{9}};
  std::vector<RequestId> keys;
  for (const std::uint64_t hash : hashes_for_one_bucket(0, keys_count)) {
    RequestId id = mine;
    id.number = (hash - std::hash<RequestId>{}(mine)) * inverse_of(0xBF58476D1CE4E5B9ULL);
    keys.push_back(id);
  }
  expect_only_the_guessed_seed_to_suffer(keys, 0);
}

// And says what belongs together.
TEST(SeededHash, KeysOfLanesCannotBeChosenForOneBucket) {
  const auto* service = reinterpret_cast<const Service*>(0x5000'1230);
  const std::uint64_t of_service = std::hash<LaneKey>{}({0, service});
  std::vector<LaneKey> keys;
  for (const std::uint64_t hash : hashes_for_one_bucket(1'234, keys_count))
    keys.push_back({hash ^ of_service, service});
  expect_only_the_guessed_seed_to_suffer(keys, 1'234);
}

TEST(SeededHash, KeysInStepsAreSpread) {
  for (const std::uint64_t step :
       std::vector<std::uint64_t>{1, 1ULL << 32, 1ULL << 52, inverse_of(0x9E3779B97F4A7C15ULL)}) {
    std::vector<std::uint64_t> keys;
    for (std::uint64_t i = 0; i < keys_count; ++i) keys.push_back(i * step);
    EXPECT_LE(fullest_bucket(keys, SeededHash<std::uint64_t>(0)), by_chance) << step;
  }
}

TEST(SeededHash, TheSeedOfAProcessLastsAsLongAsIt) {
  EXPECT_NE(process_hash_seed(), 0U);
  EXPECT_EQ(process_hash_seed(), process_hash_seed());
}

}  // namespace
}  // namespace parley
