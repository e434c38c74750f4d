#include "workers/route_repair.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

using Lookup = RouteRepair::Lookup;
using Action = RouteRepair::Action;
constexpr Instant start{Duration(1h)};

TEST(RouteRepair, ACompleteCacheNeedsNothing) {
  RouteRepair repair;
  EXPECT_EQ(repair.after(Lookup::complete, start), Action::nothing);
}

TEST(RouteRepair, AnEmptiedCacheIsAskedAboutOnceAndMarkedAfterThreeSeconds) {
  RouteRepair repair;
  EXPECT_EQ(repair.after(Lookup::incomplete, start), Action::ask_gateways);
  EXPECT_EQ(repair.after(Lookup::incomplete, start + 1ms), Action::nothing);
  EXPECT_EQ(repair.after(Lookup::incomplete, start + 2999ms), Action::nothing);
  EXPECT_EQ(repair.after(Lookup::incomplete, start + 3s), Action::mark_refilled);
  EXPECT_EQ(repair.after(Lookup::complete, start + 3001ms), Action::nothing);
}

TEST(RouteRepair, AsksAgainWhenMarkingFailedOrTheCacheWasEmptiedAgain) {
  RouteRepair repair;
  repair.after(Lookup::incomplete, start);
  ASSERT_EQ(repair.after(Lookup::incomplete, start + 3s), Action::mark_refilled);
  EXPECT_EQ(repair.after(Lookup::incomplete, start + 3001ms), Action::ask_gateways);
}

TEST(RouteRepair, ACacheThatCameBackIsAskedAboutOnce) {
  RouteRepair repair;
  EXPECT_EQ(repair.after(Lookup::failed, start), Action::nothing);
  EXPECT_EQ(repair.after(Lookup::failed, start + 5s), Action::nothing);
  EXPECT_EQ(repair.after(Lookup::complete, start + 6s), Action::ask_gateways);
  EXPECT_EQ(repair.after(Lookup::complete, start + 7s), Action::nothing);
}

TEST(RouteRepair, NeverAsksTwiceWithinASecondHoweverTheCacheFlaps) {
  RouteRepair repair;
  std::optional<Instant> asked;
  for (int i = 0; i < 3'000; ++i) {
    const Instant now = start + i * 10ms;
    const auto lookup = static_cast<Lookup>(i * 7 % 3);
    if (repair.after(lookup, now) != Action::ask_gateways) continue;
    ASSERT_TRUE(!asked || now - *asked >= 1s);
    asked = now;
  }
  EXPECT_TRUE(asked);
}

TEST(RouteRepair, WhatCouldNotBeAskedAtOnceIsAskedLater) {
  RouteRepair repair;
  repair.after(Lookup::failed, start);
  ASSERT_EQ(repair.after(Lookup::complete, start + 1s), Action::ask_gateways);
  repair.after(Lookup::failed, start + 1500ms);
  EXPECT_EQ(repair.after(Lookup::complete, start + 1600ms), Action::nothing);
  EXPECT_EQ(repair.after(Lookup::complete, start + 2s), Action::ask_gateways);
}

}  // namespace
}  // namespace parley
