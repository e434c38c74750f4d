// Token buckets, the guard on top of them, and who is admitted.
#include "gateway/admission.h"
#include "gateway/rate_guard.h"

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

TEST(TokenBucket, OfRateZeroHasNoLimit) {
  TokenBucket bucket;
  for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(bucket.take({}, start));
}

TEST(RateGuard, APatientClientIsNeverClosed) {
  const RateRule rule;
  RateGuard guard;
  Instant now = start;
  for (int i = 0; i < 10'000; ++i) {
    switch (guard.on_frame(rule, now)) {
      case RateGuard::Verdict::pass:
        break;
      case RateGuard::Verdict::wait:
        now += guard.hint(now);
        break;
      case RateGuard::Verdict::close:
        FAIL() << "after " << i;
    }
  }
}

TEST(RateGuard, AnImpatientOneIsClosedAfterItsStrikes) {
  const RateRule rule;
  RateGuard guard;
  Instant now = start;
  int told = 0;
  auto verdict = RateGuard::Verdict::pass;
  while (verdict != RateGuard::Verdict::close && now < start + 60s) {
    verdict = guard.on_frame(rule, now);
    told += verdict == RateGuard::Verdict::wait ? 1 : 0;
    now += 5ms;
  }
  EXPECT_EQ(verdict, RateGuard::Verdict::close);
  EXPECT_GT(told, 3);
  EXPECT_LT(now - start, 10s);
}

TEST(RateGuard, WithoutStrikesNobodyIsClosed) {
  RateRule rule;
  rule.strikes_max = 0;
  RateGuard guard;
  for (int i = 0; i < 100'000; ++i)
    ASSERT_NE(guard.on_frame(rule, start + i * 1ms), RateGuard::Verdict::close);
}

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

AdmissionLimits small_limits() {
  return {.connections_max = 8,
          .pre_auth_max = 6,
          .pre_auth_bytes_max = 1'000,
          .per_origin_max = 4,
          .per_origin_pre_auth_max = 3,
          .per_origin_rate = {}};
}

TEST(Admission, CountsEveryoneInAll) {
  Admission admission(small_limits());
  for (std::uint64_t origin = 1; origin <= 8; ++origin) {
    EXPECT_EQ(admission.admit(origin, start), std::nullopt);
    admission.authenticated(origin);
  }
  EXPECT_EQ(admission.admit(9, start), Refusal::connections);
  admission.closed_after_login(3);
  EXPECT_EQ(admission.admit(9, start), std::nullopt);
}

TEST(Admission, ThoseBeforeLoginAreFewer) {
  Admission admission(small_limits());
  for (std::uint64_t origin = 1; origin <= 6; ++origin) admission.admit(origin, start);
  EXPECT_EQ(admission.admit(9, start), Refusal::pre_auth);
  admission.authenticated(1);
  EXPECT_EQ(admission.admit(9, start), std::nullopt);
}

TEST(Admission, MemoryBeforeLoginIsBounded) {
  Admission admission(small_limits());
  EXPECT_EQ(admission.admit(1, start), std::nullopt);
  admission.pre_auth_bytes_changed(0, 1'000);
  EXPECT_EQ(admission.admit(2, start), Refusal::pre_auth);
  admission.pre_auth_bytes_changed(1'000, 10);
  EXPECT_EQ(admission.admit(2, start), std::nullopt);
}

TEST(Admission, OneAddressCannotTakeThePlacesOfOthers) {
  Admission admission(small_limits());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(admission.admit(1, start), std::nullopt);
  EXPECT_EQ(admission.admit(1, start), Refusal::origin_pre_auth);
  EXPECT_EQ(admission.admit(2, start), std::nullopt);
  admission.authenticated(1);
  EXPECT_EQ(admission.admit(1, start), std::nullopt);
  admission.authenticated(1);
  EXPECT_EQ(admission.admit(1, start), Refusal::origin_connections);
  admission.closed_before_login(1);
  EXPECT_EQ(admission.admit(1, start), std::nullopt);
}

TEST(Admission, OneAddressComesAtABoundedRate) {
  AdmissionLimits limits = small_limits();
  limits.per_origin_rate = {1, 2};
  Admission admission(limits);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(admission.admit(1, start), std::nullopt);
    admission.closed_before_login(1);
  }
  EXPECT_EQ(admission.admit(1, start), Refusal::origin_rate);
  EXPECT_EQ(admission.admit(1, start + 1s), std::nullopt);
}

}  // namespace
}  // namespace parley::test
