#include "gateway/rate_guard.h"

namespace parley::test {
namespace {

constexpr Instant start{5000s};

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

}  // namespace
}  // namespace parley::test
