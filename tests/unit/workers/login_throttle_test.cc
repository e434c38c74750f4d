#include "workers/login_throttle.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

constexpr std::uint64_t ipv4(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d) {
  return (1ULL << 32) | a << 24 | b << 16 | c << 8 | d;
}
constexpr std::uint64_t here = ipv4(10, 0, 0, 1);
constexpr Instant start{Duration(1h)};

struct Throttle : testing::Test {
  LoginThrottle throttle{0};
  void fail(int times, const char* name = "ann", std::uint64_t origin = here, Instant at = start) {
    for (int i = 0; i < times; ++i) throttle.failed(name, origin, at);
  }
};

TEST_F(Throttle, FourFailuresCostNothing) {
  fail(4);
  EXPECT_EQ(throttle.wait("ann", here, start), 0s);
}

TEST_F(Throttle, ThenTheWaitDoublesUpTo900Seconds) {
  fail(4);
  for (const auto expected : {1s, 2s, 4s, 8s, 16s, 32s, 64s, 128s, 256s, 512s, 900s, 900s, 900s}) {
    fail(1);
    EXPECT_EQ(throttle.wait("ann", here, start), expected);
  }
}

TEST_F(Throttle, TheWaitEnds) {
  fail(6);
  EXPECT_EQ(throttle.wait("ann", here, start + 1999ms), 1ms);
  EXPECT_EQ(throttle.wait("ann", here, start + 2s), 0s);
}

TEST_F(Throttle, SuccessForgetsFailures) {
  fail(5);
  throttle.succeeded("ann", here);
  EXPECT_EQ(throttle.wait("ann", here, start), 0s);
}

TEST_F(Throttle, AnHourWithoutFailureForgets) {
  fail(12);
  fail(1, "ann", here, start + 61min);
  EXPECT_EQ(throttle.wait("ann", here, start + 61min), 0s) << "one failure, not thirteen";
}

TEST_F(Throttle, NamesAreOneRegardlessOfCase) {
  fail(5, "Ann");
  EXPECT_GT(throttle.wait("aNN", here, start), 0s);
}

TEST_F(Throttle, OtherNamesAndOtherNetworksAreFree) {
  fail(9);
  EXPECT_EQ(throttle.wait("bob", here, start), 0s);
  EXPECT_EQ(throttle.wait("ann", ipv4(10, 0, 1, 1), start), 0s);
  EXPECT_GT(throttle.wait("ann", ipv4(10, 0, 0, 200), start), 0s) << "the same /24";
}

TEST_F(Throttle, FailuresForOnesSelfCountOnThisHost) {
  fail(5, "ann", ipv4(127, 0, 0, 1));
  EXPECT_GT(throttle.wait("ann", ipv4(127, 0, 0, 1), start), 0s);
}

TEST(ThrottleBound, ForgetsTheLongestUnusedBeyondItsBound) {
  LoginThrottle throttle(0, 2);
  for (int i = 0; i < 5; ++i) throttle.failed("victim", here, start);
  throttle.failed("x", here, start);
  EXPECT_GT(throttle.wait("victim", here, start), 0s);
  throttle.failed("y", here, start);
  throttle.failed("z", here, start);
  EXPECT_EQ(throttle.wait("victim", here, start), 0s);
}

TEST(ThrottleNetwork, TenWrongPasswordsForAnyNamesThenTheHourlyRate) {
  LoginThrottle throttle(60);
  for (int i = 0; i < 10; ++i) {
    const std::string name = "user-" + std::to_string(i);
    EXPECT_EQ(throttle.wait(name, here, start), 0s);
    throttle.failed(name, here, start);
  }
  EXPECT_GE(throttle.wait("fresh", here, start), 60s);
  EXPECT_LE(throttle.wait("fresh", here, start), 60s + 2ms);
  EXPECT_EQ(throttle.wait("fresh", ipv4(10, 0, 9, 1), start), 0s);
  EXPECT_EQ(throttle.wait("fresh", here, start + 61s), 0s);
}

TEST(ThrottleNetwork, ThisHostIsNotBound) {
  for (const std::uint64_t origin : {ipv4(127, 0, 0, 1), ipv4(127, 9, 8, 7), std::uint64_t{0}}) {
    OriginBudget budget(1, 1);
    budget.spend(origin, start);
    budget.spend(origin, start);
    EXPECT_EQ(budget.wait(origin, start), 0s);
  }
  OriginBudget budget(1, 1);
  budget.spend(ipv4(128, 0, 0, 1), start);
  EXPECT_GT(budget.wait(ipv4(128, 0, 0, 1), start), 0s);
}

TEST(ThrottleNetwork, NeverAllowsMoreThanBurstAndRate) {
  OriginBudget budget(3'600, 5);
  int allowed = 0;
  for (Instant now = start; now < start + 100s; now += 10ms) {
    if (budget.wait(here, now) > 0s) continue;
    budget.spend(here, now);
    ++allowed;
  }
  EXPECT_LE(allowed, 105);
  EXPECT_GE(allowed, 103);
}

}  // namespace
}  // namespace parley
