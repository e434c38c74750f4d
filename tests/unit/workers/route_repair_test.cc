#include "workers/route_repair.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

using Emptied = RouteRepair::Emptied;
constexpr RouteRepair::Complete complete;
constexpr RouteRepair::Failed failed;
using Action = RouteRepair::Action;
constexpr Instant start{Duration(1h)};

TEST(RouteRepair, ACompleteCacheNeedsNothing) {
  RouteRepair repair;
  EXPECT_EQ(repair.after(complete, start), Action::nothing);
}

TEST(RouteRepair, AnEmptiedCacheIsAskedAboutEachSecondAndMarkedAfterThree) {
  RouteRepair repair;
  EXPECT_EQ(repair.after(Emptied{1}, start), Action::ask_gateways);
  EXPECT_EQ(repair.after(Emptied{1}, start + 1ms), Action::nothing);
  EXPECT_EQ(repair.after(Emptied{1}, start + 999ms), Action::nothing);
  EXPECT_EQ(repair.after(Emptied{1}, start + 1s), Action::ask_gateways) << "the first may be lost";
  EXPECT_EQ(repair.after(Emptied{1}, start + 1'999ms), Action::nothing);
  EXPECT_EQ(repair.after(Emptied{1}, start + 2s), Action::ask_gateways);
  EXPECT_EQ(repair.after(Emptied{1}, start + 2'999ms), Action::nothing);
  EXPECT_EQ(repair.after(Emptied{1}, start + 3s), Action::mark_refilled);
  EXPECT_EQ(repair.after(complete, start + 3001ms), Action::nothing);
}

TEST(RouteRepair, AsksAgainWhenMarkingFailed) {
  RouteRepair repair;
  repair.after(Emptied{1}, start);
  ASSERT_EQ(repair.after(Emptied{1}, start + 3s), Action::mark_refilled);
  EXPECT_EQ(repair.after(Emptied{1}, start + 3001ms), Action::ask_gateways);
}

TEST(RouteRepair, WhatIsEmptiedAgainMeanwhileIsAskedAboutAgainAndHasItsOwnThreeSeconds) {
  RouteRepair repair;
  repair.after(Emptied{1}, start);
  EXPECT_EQ(repair.after(Emptied{2}, start + 999ms), Action::nothing);
  EXPECT_EQ(repair.after(Emptied{2}, start + 2s), Action::ask_gateways);
  EXPECT_EQ(repair.after(Emptied{2}, start + 4'999ms), Action::ask_gateways);
  EXPECT_EQ(repair.after(Emptied{2}, start + 5s), Action::mark_refilled);
}

TEST(RouteRepair, WhatIsEmptiedAfterTheOldQuestionIsNotCalledRefilled) {
  RouteRepair repair;
  repair.after(Emptied{1}, start);
  EXPECT_EQ(repair.after(Emptied{2}, start + 3s), Action::ask_gateways);
}

TEST(RouteRepair, ACacheThatCameBackIsAskedAboutOnce) {
  RouteRepair repair;
  EXPECT_EQ(repair.after(failed, start), Action::nothing);
  EXPECT_EQ(repair.after(failed, start + 5s), Action::nothing);
  EXPECT_EQ(repair.after(complete, start + 6s), Action::ask_gateways);
  EXPECT_EQ(repair.after(complete, start + 7s), Action::nothing);
}

TEST(RouteRepair, NeverAsksTwiceWithinASecondHoweverTheCacheFlaps) {
  RouteRepair repair;
  std::optional<Instant> asked;
  for (int i = 0; i < 3'000; ++i) {
    const Instant now = start + i * 10ms;
    const Emptied emptied{static_cast<std::uint64_t>(i)};
    const RouteRepair::Lookup lookups[] = {complete, emptied, failed};
    if (repair.after(lookups[i * 7 % 3], now) != Action::ask_gateways) continue;
    ASSERT_TRUE(!asked || now - *asked >= 1s);
    asked = now;
  }
  EXPECT_TRUE(asked);
}

TEST(RouteRepair, WhatCouldNotBeAskedAtOnceIsAskedLater) {
  RouteRepair repair;
  repair.after(failed, start);
  ASSERT_EQ(repair.after(complete, start + 1s), Action::ask_gateways);
  repair.after(failed, start + 1500ms);
  EXPECT_EQ(repair.after(complete, start + 1600ms), Action::nothing);
  EXPECT_EQ(repair.after(complete, start + 2s), Action::ask_gateways);
}

}  // namespace
}  // namespace parley
