#include "gateway/timer_wheel.h"

#include "base/random.h"

namespace parley::test {
namespace {

constexpr Instant start{100s};

std::vector<ConnectionId> due_at(TimerWheel& wheel, Instant now) {
  std::vector<TimerWheel::Due> due;
  wheel.advance(now, due);
  std::vector<ConnectionId> ids;
  for (const auto& entry : due) ids.push_back(entry.id);
  return ids;
}

TEST(TimerWheel, HandsOutNothingEarlyAndNothingMoreThanATickLate) {
  Random random(3);
  for (int round = 0; round < 2'000; ++round) {
    TimerWheel wheel(start, 250ms, 512);
    const Instant at = start + random.between(0ms, 120s);
    wheel.file(ConnectionId{1}, at);
    EXPECT_TRUE(due_at(wheel, at - 1ns).empty());
    EXPECT_EQ(due_at(wheel, at + 250ms).size(), 1U);
  }
}

TEST(TimerWheel, WhatIsBeyondItComesEarlyToBeFiledAgain) {
  TimerWheel wheel(start, 1s, 8);
  wheel.file(ConnectionId{1}, start + 100s);
  EXPECT_TRUE(due_at(wheel, start + 6s).empty());
  EXPECT_EQ(due_at(wheel, start + 8s).size(), 1U);
}

TEST(TimerWheel, WhatIsPastComesWithTheNextTick) {
  TimerWheel wheel(start, 1s, 8);
  due_at(wheel, start + 5s);
  wheel.file(ConnectionId{1}, start);
  EXPECT_EQ(due_at(wheel, start + 6s).size(), 1U);
}

TEST(TimerWheel, ALongPauseLosesNothing) {
  TimerWheel wheel(start, 1s, 8);
  for (std::uint64_t i = 0; i < 7; ++i)
    wheel.file(ConnectionId{i + 1}, start + std::chrono::seconds(i));
  EXPECT_EQ(due_at(wheel, start + 1'000s).size(), 7U);
  EXPECT_TRUE(due_at(wheel, start + 2'000s).empty());
}

TEST(TimerWheel, SaysUnderWhichTickSomethingIsFiled) {
  TimerWheel wheel(start, 1s, 8);
  const std::uint64_t tick = wheel.file(ConnectionId{1}, start + 3s);
  EXPECT_EQ(tick, wheel.tick_for(start + 3s));
  EXPECT_LT(wheel.tick_for(start + 2s), tick);
  std::vector<TimerWheel::Due> due;
  wheel.advance(start + 9s, due);
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].tick, tick);
}

}  // namespace
}  // namespace parley::test
