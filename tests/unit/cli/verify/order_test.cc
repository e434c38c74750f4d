// The anomalies of RELIABILITY §2.3, planted, and valid histories that resemble them.
#include "tests/unit/cli/verify/planted_history.h"

namespace parley::verify {
namespace {

using Kind = Verdict::Kind;

void expect_valid(const Planted& planted) {
  EXPECT_EQ(planted.judged().kind, Kind::valid) << describe(planted.judged());
}

// -- B1

TEST(B1Gap, IsANumberThatTheDatabaseSkips) {
  Planted p;
  p.sent({1, 'a'}, 1).sent({1, 'b'}, 3).dumped();
  EXPECT_TRUE(p.judged().has("B1"));
}

TEST(B1Gap, IsALogThatDoesNotBeginAtOne) {
  Planted p;
  p.sent({1, 'a'}, 2).dumped();
  EXPECT_TRUE(p.judged().has("B1"));
}

TEST(B1Gap, IsAHeadBeyondTheLastRow) {
  Planted p;
  p.sent({1, 'a'}, 1).head(2).dumped();
  EXPECT_TRUE(p.judged().has("B1"));
}

TEST(B1Gap, IsASyncedDeviceWithAHole) {
  Planted p;
  p.sent({1, 'a'}, 1).sent({1, 'b'}, 2).sent({1, 'c'}, 3);
  p.pull("2/1", {1, 'a'}, 1).pull("2/1", {1, 'c'}, 3).synced("2/1", 3).dumped();
  EXPECT_TRUE(p.judged().has("B1"));
}

TEST(B1Gap, IsNotAnOrderOfTwoConversations) {
  Planted p;
  p.sent({1, 'a'}, 1).head(1).in(1, 3).sent({1, 'b'}, 1).sent({3, 'c'}, 2).head(2).dumped();
  expect_valid(p);
}

TEST(B1Gap, IsNotADeviceThatFilledItsHoleLater) {
  Planted p;
  p.sent({1, 'a'}, 1).sent({1, 'b'}, 2).sent({1, 'c'}, 3).push("2/1", {1, 'c'}, 3);
  p.pull("2/1", {1, 'b'}, 2).pull("2/1", {1, 'a'}, 1).synced("2/1", 3).dumped();
  expect_valid(p);
}

// -- B2

TEST(B2Reuse, IsTwoRowsUnderOneNumber) {
  Planted p;
  p.sent({1, 'a'}, 1).sent({2, 'b'}, 1).dumped();
  EXPECT_TRUE(p.judged().has("B2"));
}

TEST(B2Reuse, IsADeviceThatSawAnotherMessageThere) {
  Planted p;
  p.sent({1, 'a'}, 1).unknown(p.invoke({1, 'b'})).push("2/1", {1, 'b'}, 1).dumped();
  EXPECT_TRUE(p.judged().has("B2"));
}

TEST(B2Reuse, IsAnAckWithATakenNumber) {
  Planted p;
  p.sent({1, 'a'}, 1).ok(p.invoke({1, 'b'}), 1).dumped();
  EXPECT_TRUE(p.judged().has("B2"));
}

TEST(B2Reuse, IsNotTheSameNumberInAnotherConversation) {
  Planted p;
  p.sent({1, 'a'}, 1).in(1, 3).sent({1, 'b'}, 1).dumped();
  expect_valid(p);
}

// -- B3

TEST(B3RealTimeInversion, IsALaterSendWithALowerNumber) {
  Planted p;
  p.sent({1, 'a'}, 2).sent({2, 'b'}, 1).dumped();
  EXPECT_TRUE(p.judged().has("B3"));
}

TEST(B3RealTimeInversion, IsSeenAcrossAnOverlappingSend) {
  Planted p;
  const auto slow = p.invoke({1, 'a'});
  p.sent({2, 'b'}, 3).sent({2, 'c'}, 1).ok(slow, 2).row({1, 'a'}, 2).dumped();
  EXPECT_TRUE(p.judged().has("B3"));
}

TEST(B3RealTimeInversion, IsAnOldNumberForANewMessageMuchLater) {
  Planted p;
  for (std::uint64_t seq = 2; seq <= 20; ++seq)
    p.sent({1 + seq % 2, static_cast<char>('a' + seq)}, seq);
  p.later(5s).sent({1, 'z'}, 1).dumped();
  EXPECT_TRUE(p.judged().has("B3"));
}

TEST(B3RealTimeInversion, IsNotTheOrderOfConcurrentSends) {
  Planted p;
  const auto first = p.invoke({1, 'a'});
  const auto second = p.invoke({2, 'b'});
  p.ok(second, 1).ok(first, 2).row({2, 'b'}, 1).row({1, 'a'}, 2).dumped();
  expect_valid(p);
}

TEST(B3RealTimeInversion, IsNotARepeatedAckOfAnOldMessage) {
  Planted p;
  p.sent({1, 'a'}, 1).sent({2, 'b'}, 2).ok(p.invoke({1, 'a'}), 1).dumped();
  expect_valid(p);
}

// -- B3b

TEST(B3bSessionOrder, IsTwoPipelinedSendsNumberedTheOtherWayRound) {
  Planted p;
  const auto first = p.invoke({1, 'a'});
  const auto second = p.invoke({1, 'b'});
  p.ok(second, 1).ok(first, 2).row({1, 'b'}, 1).row({1, 'a'}, 2).dumped();
  EXPECT_TRUE(p.judged().has("B3b"));
  EXPECT_FALSE(p.judged().has("B3"));
}

TEST(B3bSessionOrder, IsSeenAmongMany) {
  Planted p;
  const auto first = p.invoke({1, 'a'});
  const auto second = p.invoke({1, 'b'});
  const auto third = p.invoke({1, 'c'});
  p.ok(first, 1).ok(second, 3).ok(third, 2);
  p.row({1, 'a'}, 1).row({1, 'c'}, 2).row({1, 'b'}, 3).dumped();
  EXPECT_TRUE(p.judged().has("B3b"));
}

TEST(B3bSessionOrder, IsSeenOnASecondDeviceToo) {
  Planted p;
  p.by("1/2");
  const auto first = p.invoke({1, 'a'});
  const auto second = p.invoke({1, 'b'});
  p.by("").sent({2, 'x'}, 3).ok(second, 1).ok(first, 2);
  p.row({1, 'b'}, 1).row({1, 'a'}, 2).dumped();
  EXPECT_TRUE(p.judged().has("B3b"));
}

TEST(B3bSessionOrder, IsNotPromisedBetweenTwoDevicesOfAUser) {
  Planted p;
  const auto first = p.by("1/1").invoke({1, 'a'});
  const auto second = p.by("1/2").invoke({1, 'b'});
  p.ok(second, 1).ok(first, 2).row({1, 'b'}, 1).row({1, 'a'}, 2).dumped();
  expect_valid(p);
}

TEST(B3bSessionOrder, IsNotPromisedForAMessageThatWasGivenUpAndSentAgain) {
  Planted p;
  p.unknown(p.invoke({1, 'a'}));
  const auto second = p.invoke({1, 'b'});
  const auto again = p.invoke({1, 'a'});
  p.ok(second, 1).ok(again, 2).row({1, 'b'}, 1).row({1, 'a'}, 2).dumped();
  expect_valid(p);
}

// -- B4

TEST(B4DivergentOrder, IsTwoDevicesThatDisagreeOnANumber) {
  Planted p;
  p.sent({1, 'a'}, 1).sent({1, 'b'}, 2);
  p.push("2/1", {1, 'a'}, 1).push("2/2", {1, 'b'}, 1).dumped();
  EXPECT_TRUE(p.judged().has("B4"));
}

TEST(B4DivergentOrder, IsSeenBetweenSenderAndReceiver) {
  Planted p;
  p.sent({1, 'a'}, 1).sent({2, 'b'}, 2);
  p.push("2/1", {1, 'a'}, 2).push("1/1", {2, 'b'}, 2).dumped();
  EXPECT_TRUE(p.judged().has("B4"));
}

TEST(B4DivergentOrder, IsSeenBetweenTwoDevicesOfOneUserLater) {
  Planted p;
  p.sent({1, 'a'}, 1).sent({2, 'b'}, 2).push("2/1", {1, 'a'}, 1).later(60s);
  p.pull("2/2", {2, 'b'}, 1).pull("2/2", {1, 'a'}, 2).dumped();
  EXPECT_TRUE(p.judged().has("B4"));
}

TEST(B4DivergentOrder, IsNotTwoDevicesThatSawDifferentParts) {
  Planted p;
  p.sent({1, 'a'}, 1).sent({1, 'b'}, 2).sent({1, 'c'}, 3);
  p.push("2/1", {1, 'a'}, 1).push("2/1", {1, 'b'}, 2).push("2/2", {1, 'c'}, 3).dumped();
  expect_valid(p);
}

// -- B5

TEST(B5SkippingPush, IsAHoleBetweenTwoPushes) {
  Planted p;
  p.sent({1, 'a'}, 1).sent({1, 'b'}, 2).sent({1, 'c'}, 3).stream("2/1");
  p.push("2/1", {1, 'a'}, 1).push("2/1", {1, 'c'}, 3).dumped();
  EXPECT_TRUE(p.judged().has("B5"));
}

TEST(B5SkippingPush, IsAPushThatGoesBack) {
  Planted p;
  p.sent({1, 'a'}, 1).sent({1, 'b'}, 2).stream("2/1");
  p.push("2/1", {1, 'b'}, 2).push("2/1", {1, 'a'}, 1).dumped();
  EXPECT_TRUE(p.judged().has("B5"));
}

TEST(B5SkippingPush, IsAHoleAfterAPull) {
  Planted p;
  p.sent({1, 'a'}, 1).sent({1, 'b'}, 2).sent({1, 'c'}, 3).stream("2/1");
  p.pull("2/1", {1, 'a'}, 1).push("2/1", {1, 'c'}, 3).dumped();
  EXPECT_TRUE(p.judged().has("B5"));
}

TEST(B5SkippingPush, IsNotAHoleThatAPullFilled) {
  Planted p;
  p.sent({1, 'a'}, 1).sent({1, 'b'}, 2).sent({1, 'c'}, 3).stream("2/1");
  p.push("2/1", {1, 'a'}, 1).pull("2/1", {1, 'b'}, 2).push("2/1", {1, 'c'}, 3).dumped();
  expect_valid(p);
}

TEST(B5SkippingPush, IsNotAHoleAcrossAReconnection) {
  Planted p;
  p.sent({1, 'a'}, 1).sent({1, 'b'}, 2).sent({1, 'c'}, 3).stream("2/1").push("2/1", {1, 'a'}, 1);
  p.stream("2/1").push("2/1", {1, 'c'}, 3).pull("2/1", {1, 'b'}, 2).dumped();
  expect_valid(p);
}

TEST(B5SkippingPush, IsNotTwoConversationsInterleaved) {
  Planted p;
  p.sent({1, 'a'}, 1).sent({1, 'b'}, 2).in(2, 3).sent({3, 'x'}, 1).stream("2/1");
  p.in(1, 2).push("2/1", {1, 'a'}, 1).in(2, 3).push("2/1", {3, 'x'}, 1);
  p.in(1, 2).push("2/1", {1, 'b'}, 2).dumped();
  expect_valid(p);
}

}  // namespace
}  // namespace parley::verify
