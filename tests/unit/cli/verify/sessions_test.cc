// The anomalies D4, F1 and F7 of RELIABILITY §2, planted, and valid histories that resemble them.
#include "tests/unit/cli/verify/planted_history.h"

namespace parley::verify {
namespace {

using Kind = Verdict::Kind;

void expect_valid(const Planted& planted) {
  EXPECT_EQ(planted.judged().kind, Kind::valid) << describe(planted.judged());
}

constexpr Planted::Name a{1, 'a'};

// -- D4

TEST(D4ZombieSession, IsAPushAfterItsEnd) {
  Planted p;
  p.login("2/1", 2).logout("2/1").later(2s).sent(a, 1).pushed("2/1", a, 1).dumped();
  EXPECT_TRUE(p.judged().has("D4"));
}

TEST(D4ZombieSession, IsASendAfterItsEnd) {
  Planted p;
  p.login("1/1", 1).logout("1/1").later(2s).sent(a, 1).dumped();
  EXPECT_TRUE(p.judged().has("D4"));
}

TEST(D4ZombieSession, IsAPageAfterItsEnd) {
  Planted p;
  p.login("2/1", 2).logout("2/1").later(2s).asked("2/1", 1, {.head = 0}).dumped();
  EXPECT_TRUE(p.judged().has("D4"));
}

TEST(D4ZombieSession, IsATokenThatOutlivesIt) {
  Planted p;
  p.login("2/1", 2).logout("2/1").login("2/1", 2, "token").sent(a, 1).dumped();
  EXPECT_TRUE(p.judged().has("D4"));
}

TEST(D4ZombieSession, IsNotWhatWasOnItsWay) {
  Planted p;
  p.login("2/1", 2).sent(a, 1).logout("2/1").pushed("2/1", a, 1).dumped();
  expect_valid(p);
}

TEST(D4ZombieSession, IsNotANewSessionByPassword) {
  Planted p;
  p.login("1/1", 1).logout("1/1").later(2s).login("1/1", 1).sent(a, 1).dumped();
  expect_valid(p);
}

TEST(D4ZombieSession, IsNotATokenAfterALostConnection) {
  Planted p;
  p.login("2/1", 2).closed("2/1").login("2/1", 2, "token").sent(a, 1).pushed("2/1", a, 1).dumped();
  expect_valid(p);
}

// -- F1

TEST(F1Leak, IsAPushToAStranger) {
  Planted p;
  p.sent(a, 1).pushed("3/1", a, 1).dumped();
  EXPECT_TRUE(p.judged().has("F1"));
}

TEST(F1Leak, IsAPageForAStranger) {
  Planted p;
  p.sent(a, 1).asked("3/1", 1, {.head = 1, .lines = {{a, 1}}}).dumped();
  EXPECT_TRUE(p.judged().has("F1"));
}

TEST(F1Leak, IsTheMereLengthOfAStrangersLog) {
  Planted p;
  p.sent(a, 1).asked("3/1", 5, {.head = 1}).dumped();
  EXPECT_TRUE(p.judged().has("F1"));
}

TEST(F1Leak, IsAReceiptShownToAStranger) {
  Planted p;
  p.login("3/1", 3).sent(a, 1).saw_receipt("3/1", 2, 1, 1).dumped();
  EXPECT_TRUE(p.judged().has("F1"));
}

TEST(F1Leak, IsAnEntryGivenToADeviceThatAnotherUserHasLoggedInOn) {
  Planted p;
  p.login("2/1", 3).sent(a, 1).push("2/1", a, 1).dumped();
  EXPECT_TRUE(p.judged().has("F1"));
}

TEST(F1Leak, IsNotARefusedQuestion) {
  Planted p;
  p.sent(a, 1).no_page(p.ask("3/1", 1)).dumped();
  expect_valid(p);
}

TEST(F1Leak, IsNotAUsersOtherConversation) {
  Planted p;
  p.login("1/1", 1).sent(a, 1).in(1, 3).sent({3, 'x'}, 1).pushed("1/1", {3, 'x'}, 1);
  p.asked("1/1", 1, {.head = 1, .lines = {{{3, 'x'}, 1}}}).dumped();
  expect_valid(p);
}

// -- F7

TEST(F7IdentitySwap, IsARowUnderAnotherSendersName) {
  Planted p;
  p.ok(p.invoke(a), 1).row({2, 'a'}, 1, "a").dumped();
  EXPECT_TRUE(p.judged().has("F7"));
}

TEST(F7IdentitySwap, IsADeliveryUnderAnotherSendersName) {
  Planted p;
  p.sent(a, 1).push("2/1", {2, 'a'}, 1, "a").dumped();
  EXPECT_TRUE(p.judged().has("F7"));
}

TEST(F7IdentitySwap, IsADeviceThatBecomesSomebodyElse) {
  Planted p;
  p.login("1/1", 1).sent(a, 1).login("1/1", 2, "token").dumped();
  EXPECT_TRUE(p.judged().has("F7"));
}

TEST(F7IdentitySwap, IsNotTwoUsersWithTheSameWordsAndClientId) {
  Planted p;
  p.sent(a, 1).ok(p.invoke({2, 'a'}, "a"), 2).row({2, 'a'}, 2, "a");
  p.push("2/1", a, 1).push("2/1", {2, 'a'}, 2, "a").dumped();
  expect_valid(p);
}

TEST(F7IdentitySwap, IsNotAUserOnTwoDevices) {
  Planted p;
  p.login("1/1", 1).login("1/2", 1).by("1/2").sent(a, 1).login("1/2", 1, "token").dumped();
  expect_valid(p);
}

}  // namespace
}  // namespace parley::verify
