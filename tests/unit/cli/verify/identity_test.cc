// The anomalies A6, A8 and L6 of RELIABILITY §2, planted, and valid histories that resemble them.
#include "tests/unit/cli/verify/planted_history.h"

namespace parley::verify {
namespace {

using Kind = Verdict::Kind;

void expect_valid(const Planted& planted) {
  EXPECT_EQ(planted.judged().kind, Kind::valid) << describe(planted.judged());
}

// -- A6

TEST(A6DedupeHorizon, IsALateRepetitionTakenForANewMessage) {
  Planted p;
  p.sent({1, 'a'}, 1).later(11s).sent({1, 'a'}, 2).dumped();
  EXPECT_TRUE(p.judged().has("A6"));
}

TEST(A6DedupeHorizon, IsARepetitionAfterARestartTakenForANewMessage) {
  Planted p;
  p.sent({1, 'a'}, 1).fault(7, 8).ok(p.invoke({1, 'a'}), 2).dumped();
  EXPECT_TRUE(p.judged().has("A6"));
}

TEST(A6DedupeHorizon, IsSeenBehindARepetitionThatWentWell) {
  Planted p;
  p.sent({1, 'a'}, 1).later(11s).ok(p.invoke({1, 'a'}), 1).later(600s).ok(p.invoke({1, 'a'}), 9);
  EXPECT_TRUE(p.dumped().judged().has("A6"));
}

TEST(A6DedupeHorizon, IsNotALateRepetitionThatGetsTheSameAck) {
  Planted p;
  p.sent({1, 'a'}, 1).fault(7, 8).later(24h).ok(p.invoke({1, 'a'}), 1).dumped();
  expect_valid(p);
}

TEST(A6DedupeHorizon, IsNotAFirstSuccessAfterALongTime) {
  Planted p;
  p.unknown(p.invoke({1, 'a'})).sent({1, 'b'}, 1).later(24h).sent({1, 'a'}, 2).dumped();
  expect_valid(p);
}

// -- A8

TEST(A8Torn, IsAMessageWithoutItsConversationsHead) {
  Planted p;
  p.sent({1, 'a'}, 1).dumped_with_heads();
  EXPECT_TRUE(p.judged().has("A8"));
}

TEST(A8Torn, IsAHeadWithoutItsMessage) {
  Planted p;
  p.sent({1, 'a'}, 1).head(1).in(1, 3).head(4).dumped_with_heads();
  EXPECT_TRUE(p.judged().has("A8"));
}

TEST(A8Torn, IsAConversationThatOneMembersListLacks) {
  Planted p;
  p.sent({1, 'a'}, 1).head(1).list(1).dumped_with_lists();
  EXPECT_TRUE(p.judged().has("A8"));
}

TEST(A8Torn, IsAConversationInAStrangersList) {
  Planted p;
  p.sent({1, 'a'}, 1).head(1).list(1).list(2).list(3).dumped_with_lists();
  EXPECT_TRUE(p.judged().has("A8"));
}

TEST(A8Torn, IsNotWhatWasLeftOutOfTheDump) {
  Planted p;
  p.sent({1, 'a'}, 1).dumped();
  expect_valid(p);
}

TEST(A8Torn, IsNotAListedConversationInWhichNobodyHasWritten) {
  Planted p;
  p.sent({1, 'a'}, 1).head(1).list(1).list(2).in(1, 3).head(0).list(1).list(3).dumped_with_lists();
  expect_valid(p);
}

// -- L6

TEST(L6DishonestResult, IsARefusalOfWhatIsStored) {
  Planted p;
  p.failed(p.invoke({1, 'a'})).row({1, 'a'}, 1).dumped();
  EXPECT_TRUE(p.judged().has("L6"));
}

TEST(L6DishonestResult, IsARefusedRepetitionOfAnAcknowledgedMessage) {
  Planted p;
  p.sent({1, 'a'}, 1).failed(p.invoke({1, 'a'})).dumped();
  EXPECT_TRUE(p.judged().has("L6"));
}

TEST(L6DishonestResult, IsAnAckForABodyThatIsNotTheStoredOne) {
  Planted p;
  p.ok(p.invoke({1, 'a'}, "mine"), 1).unknown(p.invoke({1, 'a'})).row({1, 'a'}, 1).dumped();
  EXPECT_TRUE(p.judged().has("L6"));
}

TEST(L6DishonestResult, IsAnAckWithAnotherTimeThanIsStored) {
  Planted p;
  p.ok(p.invoke({1, 'a'}), 1, 6).row({1, 'a'}, 1).dumped();
  EXPECT_TRUE(p.judged().has("L6"));
}

TEST(L6DishonestResult, IsNotARefusalBeforeItWasAccepted) {
  Planted p;
  p.failed(p.invoke({1, 'a'})).sent({1, 'a'}, 1).dumped();
  expect_valid(p);
}

TEST(L6DishonestResult, IsNotARefusedConflictWithTheStoredOne) {
  Planted p;
  p.sent({1, 'a'}, 1).failed(p.invoke({1, 'a'}, "other")).failed(p.invoke({1, 'a'}, "third"));
  expect_valid(p.dumped());
}

}  // namespace
}  // namespace parley::verify
