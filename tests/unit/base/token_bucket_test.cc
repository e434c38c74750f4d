#include "base/token_bucket.h"

namespace parley::test {
namespace {

constexpr Instant start{5000s};

TEST(TokenBucket, GivesTheBurstThenTheRate) {
  const Rate rate{10, 30};
  TokenBucket bucket;
  int taken = 0;
  while (bucket.take(rate, start)) ++taken;
  EXPECT_EQ(taken, 30);
  EXPECT_EQ(bucket.wait(rate, start), 100ms);
  EXPECT_FALSE(bucket.take(rate, start + 99ms));
  EXPECT_TRUE(bucket.take(rate, start + 100ms));
  EXPECT_FALSE(bucket.take(rate, start + 100ms));
}

TEST(TokenBucket, NeverGivesMoreThanBurstPlusRate) {
  const Rate rate{7, 3};
  TokenBucket bucket;
  std::uint64_t taken = 0;
  for (int ms = 0; ms < 60'000; ++ms)
    taken += bucket.take(rate, start + std::chrono::milliseconds(ms)) ? 1U : 0U;
  EXPECT_LE(taken, 3U + 7U * 60U);
  EXPECT_GE(taken, 7U * 60U - 1U);
}

TEST(TokenBucket, ADebtIsPaidBeforeAnythingElseIsTaken) {
  const Rate rate{10, 3};
  TokenBucket bucket;
  for (int i = 0; i < 8; ++i) bucket.charge(rate, start);
  EXPECT_EQ(bucket.wait(rate, start), 600ms);
  EXPECT_FALSE(bucket.take(rate, start + 599ms));
  EXPECT_TRUE(bucket.take(rate, start + 600ms));
  bucket.charge({}, start);
  EXPECT_EQ(bucket.wait({}, start), 0ms);
}

TEST(TokenBucket, OfRateZeroHasNoLimit) {
  TokenBucket bucket;
  for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(bucket.take({}, start));
}

}  // namespace
}  // namespace parley::test
