// Two people chat, through every process there is.
#include "tests/e2e/people.h"

#include <gmock/gmock.h>

namespace parley::test {
namespace {

using client::Cursors;
using testing::ElementsAre;

class ChatTest : public PeopleTest {};

TEST_F(ChatTest, MessageIsAcknowledgedDeliveredAndRead) {
  const auto ack = alice()->send(bob().user(), "hello", soon);
  ASSERT_TRUE(ack) << ack.error().detail;
  EXPECT_EQ(ack->seq, Seq{1});
  expect_message(bob(), "hello");
  EXPECT_TRUE(alice()->wait_for_receipt(bob().user(), {.received = Seq{1}, .read = {}}, soon));
  EXPECT_EQ(alice().client().peer_cursors(conversation()).read, Seq{0}) << "nobody has read it";
  ASSERT_TRUE(bob().client().mark_read(conversation(), Seq{1}));
  EXPECT_TRUE(alice()->wait_for_receipt(bob().user(), {.received = Seq{1}, .read = Seq{1}}, soon));
}

TEST_F(ChatTest, BothMayWriteAtOnceAndSeeOneOrder) {
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(alice().client().send(conversation(), "from alice " + std::to_string(i)));
    ASSERT_TRUE(bob().client().send(conversation(), "from bob " + std::to_string(i)));
  }
  ASSERT_TRUE(alice()->run_until(soon, [&] {
    return alice()->entries().size() == 10 && bob()->entries().size() == 10;
  }));
  EXPECT_EQ(alice()->entries(), bob()->entries());
  EXPECT_THAT(alice().numbers(bob()), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
}

TEST_F(ChatTest, WhatWasWrittenToTheAbsentArrivesWhenTheyReturn) {
  bob().switch_off();
  ASSERT_TRUE(alice()->send(bob().user(), "one", soon));
  ASSERT_TRUE(alice()->send(bob().user(), "two", soon));
  ASSERT_TRUE(bob().come_back());
  expect_message(bob(), "one");
  expect_message(bob(), "two");
  EXPECT_TRUE(alice()->wait_for_receipt(bob().user(), {.received = Seq{2}, .read = {}}, soon));
}

TEST_F(ChatTest, DeviceReturnsWithItsTokenAndWithoutItFails) {
  bob().switch_off();
  EXPECT_TRUE(bob().come_back());
  Device stranger(world(), bob().name());
  const Status refused = stranger.come_back();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::refused);
}

TEST_F(ChatTest, AllDevicesOfBothSeeTheSameLog) {
  Device phone(world(), alice().name(), client::DeviceClass::mobile);
  ASSERT_TRUE(phone.log_in(Device::password));
  ASSERT_TRUE(alice()->send(bob().user(), "from the desk", soon));
  ASSERT_TRUE(phone->send(bob().user(), "from the phone", soon));
  ASSERT_TRUE(bob()->send(alice().user(), "to both", soon));
  for (Device* device : {&alice(), &phone, &bob()}) {
    ASSERT_TRUE((*device)->run_until(soon, [&] { return (*device)->entries().size() == 3; }));
    EXPECT_EQ((*device)->entries(), alice()->entries());
  }
}

// What another device of his has received is history to a new one: there when it asks.
TEST_F(ChatTest, NewDeviceFindsTheHistory) {
  ASSERT_TRUE(alice()->send(bob().user(), "long ago", soon));
  expect_message(bob(), "long ago");
  Device phone(world(), bob().name(), client::DeviceClass::mobile);
  ASSERT_TRUE(phone.log_in(Device::password));
  const auto page = phone->history(alice().user(), Seq{}, 10, soon);
  ASSERT_TRUE(page);
  ASSERT_EQ(page->entries.size(), 1u);
  EXPECT_EQ(page->entries[0].body, "long ago");
}

TEST_F(ChatTest, ReadingOnOneDeviceShowsOnTheOther) {
  Device phone(world(), bob().name(), client::DeviceClass::mobile);
  ASSERT_TRUE(phone.log_in(Device::password));
  ASSERT_TRUE(alice()->send(bob().user(), "hello", soon));
  expect_message(phone, "hello");
  ASSERT_TRUE(phone.client().mark_read(conversation(), Seq{1}));
  EXPECT_TRUE(alice()->wait_for_receipt(bob().user(), {.received = Seq{1}, .read = Seq{1}}, soon));
}

TEST_F(ChatTest, NewLoginOfTheSameClassReplacesTheOlder) {
  Device other_desk(world(), bob().name());
  ASSERT_TRUE(other_desk.log_in(Device::password));
  ASSERT_TRUE(bob()->run_until(
      soon, [&] { return bob()->last_state().phase == client::Phase::stopped; }));
  EXPECT_EQ(bob()->last_state().why.code, Errc::replaced);
  ASSERT_TRUE(alice()->send(bob().user(), "hello", soon));
  expect_message(other_desk, "hello");
}

TEST_F(ChatTest, LogoutTakesTheDevicesTokensAway) {
  std::optional<Status> done;
  ASSERT_TRUE(bob().client().logout([&](Status status) { done = std::move(status); }));
  ASSERT_TRUE(bob()->run_until(soon, [&] { return done.has_value(); }));
  EXPECT_TRUE(*done);
  bob().switch_off();
  const Status back = bob().come_back();
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().code, Errc::refused);
}

TEST_F(ChatTest, FasterThanAllowedIsSlowedNotLost) {
  constexpr std::size_t count = 45;  // more than a user's burst of 30
  for (std::size_t i = 0; i < count; ++i)
    ASSERT_TRUE(alice().client().send(conversation(), std::to_string(i)));
  ASSERT_TRUE(bob()->run_until(30s, [&] { return bob()->entries().size() == count; }));
  for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(bob()->entries()[i].body, std::to_string(i));
}

TEST_F(ChatTest, LongestAndOddestTextsArriveByteForByte) {
  const std::string longest(limits::text_max, 'x');
  const std::string odd = "\u202Eabc\uFEFF é e\u0301 😀\r\n\t\x1b[31m";
  ASSERT_TRUE(alice()->send(bob().user(), longest, soon));
  ASSERT_TRUE(alice()->send(bob().user(), odd, soon));
  expect_message(bob(), longest);
  expect_message(bob(), odd);
}

}  // namespace
}  // namespace parley::test
