#include "store/pg/reconnect.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

constexpr Instant start{1h};

TEST(Reconnect, TheFirstAttemptIsAlwaysDue) {
  EXPECT_TRUE(Reconnect(1).may_try(start));
  EXPECT_EQ(Reconnect(1).wait(start), Duration::zero());
}

TEST(Reconnect, NoMoreThanFiveAttemptsASecondWhateverTheSeed) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Reconnect reconnect(seed);
    int attempts = 0;
    for (Instant now = start; now < start + 1s; now += 1ms) {
      if (!reconnect.may_try(now)) continue;
      ++attempts;
      reconnect.failed(now);
    }
    EXPECT_LE(attempts, 5);
  }
}

TEST(Reconnect, AServerThatIsBackIsTriedWithinASecondHoweverLongItWasAway) {
  Reconnect reconnect(7);
  Instant now = start;
  for (int failure = 0; failure < 100; ++failure) {
    reconnect.failed(now);
    EXPECT_LE(reconnect.wait(now), 1s);
    now += reconnect.wait(now);
  }
}

TEST(Reconnect, TwoProcessesDoNotComeBackTogether) {
  Reconnect one(1);
  Reconnect two(2);
  one.failed(start);
  two.failed(start);
  EXPECT_NE(one.wait(start), two.wait(start));
}

TEST(Reconnect, ASuccessStartsTheWaitsAnew) {
  Reconnect reconnect(3);
  for (int failure = 0; failure < 10; ++failure) reconnect.failed(start);
  EXPECT_GE(reconnect.wait(start), Reconnect::longest_wait / 2);
  reconnect.succeeded();
  reconnect.failed(start);
  EXPECT_LE(reconnect.wait(start), Reconnect::first_wait);
}

}  // namespace
}  // namespace parley
