#include "bus/audit_trail.h"

#include <gmock/gmock.h>

namespace parley::test {
namespace {

struct Trail : testing::Test {
  Instant now = Instant(1h);
  AuditTrail trail;
};

TEST_F(Trail, ACulpritIsLoggedAtOnceAndThenOnceAMinute) {
  EXPECT_TRUE(trail.admits("a", now));
  for (int i = 0; i < 59; ++i) EXPECT_FALSE(trail.admits("a", now += 1s));
  EXPECT_TRUE(trail.admits("a", now += 1s));
  EXPECT_FALSE(trail.admits("a", now += 1s));
}

TEST_F(Trail, ANoisyOneDoesNotHideAnother) {
  for (int i = 0; i < 1'000; ++i) trail.admits("noisy", now);
  EXPECT_TRUE(trail.admits("quiet", now));
}

TEST_F(Trail, ManyCulpritsTogetherHaveABound) {
  int logged = 0;
  for (int i = 0; i < 10'000; ++i) logged += trail.admits(std::to_string(i), now);
  EXPECT_EQ(logged, static_cast<int>(AuditTrail::Rates{}.together.burst));
  for (int i = 0; i < 100; ++i) logged += trail.admits("more " + std::to_string(i), now += 100ms);
  EXPECT_LE(logged, static_cast<int>(AuditTrail::Rates{}.together.burst) + 10);
  EXPECT_GE(logged, static_cast<int>(AuditTrail::Rates{}.together.burst) + 9);
}

TEST_F(Trail, WhatFoundNoPlaceIsToldOnceAMinute) {
  EXPECT_EQ(trail.take_suppressed(now), 0u);
  trail.admits("a", now);
  EXPECT_EQ(trail.take_suppressed(now), 0u) << "it was logged";
  trail.admits("a", now);
  trail.admits("a", now);
  EXPECT_EQ(trail.take_suppressed(now), 2u);
  EXPECT_EQ(trail.take_suppressed(now), 0u);
  trail.admits("a", now);
  EXPECT_EQ(trail.take_suppressed(now += 59s), 0u);
  EXPECT_EQ(trail.take_suppressed(now += 1s), 1u);
}

TEST_F(Trail, ACulpritMayHaveABurstOfItsOwn) {
  trail = AuditTrail({.each = {.count = 1, .burst = 5, .period = 10s}, .together = {.count = 100}});
  int logged = 0;
  for (int i = 0; i < 1'000; ++i) logged += trail.admits("a", now += 10ms);
  EXPECT_EQ(logged, 5);
  EXPECT_TRUE(trail.admits("a", now += 50s));
}

TEST_F(Trail, RemembersNoMoreThanItsBound) {
  for (int i = 0; i < 5'000; ++i) trail.admits(std::to_string(i), now += 1s);
  EXPECT_TRUE(trail.admits("newcomer", now += 1s));
  EXPECT_FALSE(trail.admits("newcomer", now += 1s)) << "the old ones made room for it";
}

}  // namespace
}  // namespace parley::test
