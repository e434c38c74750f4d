#include "workers/event_sweep.h"

#include <gmock/gmock.h>

#include "proto/delivery.h"
#include "store/limits.h"
#include "store/memory/memory_store.h"

namespace parley::test {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr InstanceId payroll{5};
constexpr InstanceId audit{6};

struct Sweep : testing::Test {
  std::shared_ptr<MemoryDatabase> database = std::make_shared<MemoryDatabase>();
  MemoryLogStore log{database};
  MemoryEventStore events{database};
  SweepOptions options;
  Moment moment{Instant(1h), 1'700'000'000'000};
  std::uint8_t said = 0;

  void subscribe(InstanceId who) { ASSERT_TRUE(events.subscribe(who, {.messages = true})); }
  void say(std::uint64_t peer = 2) {
    const ConversationId id{(1ULL << 31) | peer};
    ASSERT_TRUE(log.open(std::array{id}));
    ASSERT_TRUE(log.append(std::array{NewEntry{id, UserId{1}, {++said}, 1, "x", 1}})[0]);
  }
  void pass(Duration time) {
    moment.now += time;
    moment.wall_ms += to_ms(time);
  }
};

TEST_F(Sweep, TellsThoseWhoLagThatThereIsSomethingNewOnce) {
  EventSweep sweep(events, options);
  subscribe(payroll);
  subscribe(audit);
  EXPECT_THAT(sweep.run(moment).news, IsEmpty());
  say();
  const auto round = sweep.run(moment);
  ASSERT_THAT(round.news, SizeIs(2));
  EXPECT_EQ(round.news[0].gateway, payroll);
  EXPECT_EQ(round.news[0].way, Way::by_key);
  const auto items = decode_deliveries(round.news[0].items);
  ASSERT_THAT(*items, SizeIs(1));
  EXPECT_EQ(items->at(0).notice, static_cast<std::uint16_t>(Notice::event_news));
  EXPECT_EQ(items->at(0).target, 1U);
  EXPECT_THAT(sweep.run(moment).news, IsEmpty());
  ASSERT_TRUE(events.pull(audit, EventCursor{1}, {}));
  say();
  EXPECT_THAT(sweep.run(moment).news, SizeIs(2));
}

TEST_F(Sweep, TellsOfWhatOthersHaveWritten) {
  EventSweep sweep(events, options);
  ASSERT_TRUE(events.subscribe(payroll, {.presence = true}));
  sweep.run(moment);
  ASSERT_TRUE(events.note_presence(std::array{PresenceChange{UserId{1}, true, 1}}));
  EXPECT_THAT(sweep.run(moment).news, SizeIs(1));
}

TEST_F(Sweep, LeavesWhoIsUpToDateInPeace) {
  EventSweep first(events, options);
  subscribe(payroll);
  say();
  first.run(moment);
  ASSERT_TRUE(events.pull(payroll, EventCursor{1}, {}));
  EventSweep another(events, options);
  EXPECT_THAT(another.run(moment).news, IsEmpty());
}

TEST_F(Sweep, IsSlowWhileNobodyIsSubscribed) {
  EventSweep sweep(events, options);
  EXPECT_EQ(sweep.run(moment).next, options.every_idle);
  subscribe(payroll);
  EXPECT_EQ(sweep.run(moment).next, options.every);
}

TEST_F(Sweep, ClearsMarksThatNobodyWants) {
  EventSweep sweep(events, options);
  subscribe(payroll);
  say();
  ASSERT_TRUE(events.unsubscribe(payroll));
  sweep.run(moment);
  EXPECT_FALSE(events.state()->unswept);
}

TEST_F(Sweep, GoesOnUntilAllIsSwept) {
  EventSweep sweep(events, options);
  subscribe(payroll);
  for (std::uint64_t peer = 2; peer < limits::sweep_conversations_max + 12; ++peer) {
    const ConversationId id{(1ULL << 31) | peer};
    ASSERT_TRUE(log.open(std::array{id}));
    ASSERT_TRUE(log.append(std::array{NewEntry{id, UserId{1}, {1}, 1, "x", 1}})[0]);
  }
  sweep.run(moment);
  EXPECT_FALSE(events.state()->unswept);
  EXPECT_EQ(events.state()->newest.value, limits::sweep_conversations_max + 10);
}

TEST_F(Sweep, RemovesWhatIsAcknowledgedNowAndThen) {
  EventSweep sweep(events, options);
  subscribe(payroll);
  sweep.run(moment);
  say();
  sweep.run(moment);
  ASSERT_TRUE(events.pull(payroll, EventCursor{1}, {}));
  sweep.run(moment);
  EXPECT_THAT(database->outbox.events, SizeIs(1)) << "not due";
  pass(options.trim_every);
  sweep.run(moment);
  EXPECT_THAT(database->outbox.events, IsEmpty());
}

TEST_F(Sweep, DoesNotKeepWhatIsTooOldOrTooMuch) {
  options.keep_ms = 60'000;
  options.keep_max = 2;
  EventSweep sweep(events, options);
  subscribe(payroll);
  for (int i = 0; i < 4; ++i) say();
  sweep.run(moment);
  pass(options.trim_every);
  sweep.run(moment);
  EXPECT_THAT(database->outbox.events, SizeIs(2));
  pass(61s);
  sweep.run(moment);
  EXPECT_THAT(database->outbox.events, IsEmpty());
  EXPECT_EQ(events.pull(payroll, EventCursor{0}, {})->lost_before, EventCursor{4});
}

// A crash or an error at any call: the next round finds everything again, and makes nothing twice.
TEST_F(Sweep, WhateverFailsTheNextRoundLosesNothingAndRepeatsNothing) {
  subscribe(payroll);
  std::uint64_t expected = 0;
  for (unsigned calls_before = 0; calls_before < 4; ++calls_before) {
    for (const bool carried_out : {false, true}) {
      EventSweep sweep(events, options);
      say();
      ++expected;
      MemoryFaults faults;
      (carried_out ? faults.lose_replies : faults.fail_calls) = calls_before + 1;
      database->set_faults(faults);
      for (int round = 0; round < 6; ++round) sweep.run(moment);
      database->set_faults({});
      sweep.run(moment);
      ASSERT_EQ(events.state()->newest.value, expected);
    }
  }
}

}  // namespace
}  // namespace parley::test
