#include "base/keyed_buckets.h"

namespace parley::test {
namespace {

constexpr Instant start{5000s};

TEST(KeyedBuckets, KeysDoNotShareTokens) {
  KeyedBuckets buckets({1, 2}, 100);
  EXPECT_TRUE(buckets.take(1, start));
  EXPECT_TRUE(buckets.take(1, start));
  EXPECT_FALSE(buckets.take(1, start));
  EXPECT_TRUE(buckets.take(2, start));
  EXPECT_EQ(buckets.wait(1, start), 1s);
  EXPECT_EQ(buckets.wait(3, start), Duration::zero());
}

TEST(KeyedBuckets, AFloodOfKeysIsBounded) {
  KeyedBuckets buckets({1, 2}, 100);
  for (std::uint64_t key = 1; key <= 10'000; ++key) buckets.take(key, start);
  EXPECT_LE(buckets.size(), 100U);
}

TEST(KeyedBuckets, UnusedKeysAreForgotten) {
  KeyedBuckets buckets({1, 2}, 1'000);
  for (std::uint64_t key = 1; key <= 500; ++key) buckets.take(key, start);
  for (std::uint64_t key = 1'001; key <= 1'400; ++key) buckets.take(key, start + 60s);
  EXPECT_LE(buckets.size(), 410U);
}

}  // namespace
}  // namespace parley::test
