// Each anomaly of RELIABILITY §2.2 is planted and must be found; histories that look like one and
// are none must pass.
#include "tests/unit/cli/verify/planted_history.h"

namespace parley::verify {
namespace {

using Kind = Verdict::Kind;

void expect_valid(const Planted& planted) {
  EXPECT_EQ(planted.judged().kind, Kind::valid) << describe(planted.judged());
}

// -- A1

TEST(A1LostAcked, IsAnAckWithoutARow) {
  Planted p;
  p.sent({1, 'a'}, 1).ok(p.invoke({1, 'b'}), 2).dumped();
  EXPECT_TRUE(p.judged().has("A1"));
}

TEST(A1LostAcked, IsAnAckWhoseRowHasAnotherNumber) {
  Planted p;
  p.ok(p.invoke({1, 'a'}), 2).row({1, 'a'}, 1).dumped();
  EXPECT_TRUE(p.judged().has("A1"));
}

TEST(A1LostAcked, IsADeviceThatSyncedPastItWithoutIt) {
  Planted p;
  p.sent({1, 'a'}, 1).sent({1, 'b'}, 2).push("2/1", {1, 'b'}, 2).synced("2/1", 2).dumped();
  EXPECT_TRUE(p.judged().has("A1"));
}

TEST(A1LostAcked, IsNotAMessageThatADeviceHasNotSyncedYet) {
  Planted p;
  p.sent({1, 'a'}, 1).sent({1, 'b'}, 2).push("2/1", {1, 'a'}, 1).synced("2/1", 1).dumped();
  expect_valid(p);
}

TEST(A1LostAcked, IsNotAMessageWithoutAckThatIsGone) {
  Planted p;
  p.sent({1, 'a'}, 1).failed(p.invoke({1, 'b'})).dumped();
  expect_valid(p);
}

// -- A2

TEST(A2Duplicate, IsTwoRowsOfOneMessage) {
  Planted p;
  p.sent({1, 'a'}, 1).row({1, 'a'}, 2).dumped();
  EXPECT_TRUE(p.judged().has("A2"));
}

TEST(A2Duplicate, IsADeviceThatIsGivenAnEntryTwiceAsNew) {
  Planted p;
  p.sent({1, 'a'}, 1).push("2/1", {1, 'a'}, 1).pull("2/1", {1, 'a'}, 1).dumped();
  EXPECT_TRUE(p.judged().has("A2"));
}

TEST(A2Duplicate, IsAMessageThatTwoDevicesSeeAtTwoPlaces) {
  Planted p;
  p.sent({1, 'a'}, 1).push("2/1", {1, 'a'}, 1).push("2/2", {1, 'a'}, 2).dumped();
  EXPECT_TRUE(p.judged().has("A2"));
}

TEST(A2Duplicate, IsAStormOfPushesOfOneEntry) {
  Planted p;
  p.sent({1, 'a'}, 1);
  for (int copy = 0; copy < 11; ++copy) p.pushed("2/1", {1, 'a'}, 1);
  EXPECT_TRUE(p.dumped().judged().has("A2"));
}

TEST(A2Duplicate, IsEveryEntryPushedThreeTimes) {
  Planted p;
  for (std::uint64_t seq = 1; seq <= 50; ++seq) {
    const Planted::Name name{1, static_cast<char>(seq)};
    p.sent(name, seq);
    for (int copy = 0; copy < 3; ++copy) p.pushed("2/1", name, seq);
  }
  EXPECT_TRUE(p.dumped().judged().has("A2"));
}

TEST(A2Duplicate, IsNotEveryEntryPushedThreeTimesWhileBrokersDie) {
  Planted p;
  p.fault(1, 2);
  for (std::uint64_t seq = 1; seq <= 50; ++seq) {
    const Planted::Name name{1, static_cast<char>(seq)};
    p.sent(name, seq);
    for (int copy = 0; copy < 3; ++copy) p.pushed("2/1", name, seq);
  }
  expect_valid(p.dumped());
}

TEST(A2Duplicate, IsNotAPushThatComesAgainAfterAWorkersDeath) {
  Planted p;
  p.sent({1, 'a'}, 1).pushed("2/1", {1, 'a'}, 1).push("2/1", {1, 'a'}, 1).fault(1, 2);
  for (int copy = 0; copy < 3; ++copy) p.pushed("2/1", {1, 'a'}, 1);
  expect_valid(p.dumped());
}

TEST(A2Duplicate, IsNotTheSameEntryOnTwoDevices) {
  Planted p;
  p.sent({1, 'a'}, 1).push("2/1", {1, 'a'}, 1).push("2/2", {1, 'a'}, 1).dumped();
  expect_valid(p);
}

TEST(A2Duplicate, IsNotTheSameClientIdInTwoConversationsOrOfTwoUsers) {
  Planted p;
  p.sent({1, 'a'}, 1).sent({2, 'a'}, 2).in(1, 3).sent({1, 'a'}, 1).dumped();
  expect_valid(p);
}

TEST(A2Duplicate, IsNotAResentMessageThatExistsOnce) {
  Planted p;
  p.unknown(p.invoke({1, 'a'})).sent({1, 'a'}, 1).dumped();
  expect_valid(p);
}

// -- A2b

TEST(A2bUnstableAck, IsAnotherNumberForTheSameMessage) {
  Planted p;
  p.ok(p.invoke({1, 'a'}), 1).ok(p.invoke({1, 'a'}), 2).row({1, 'a'}, 1).dumped();
  EXPECT_TRUE(p.judged().has("A2b"));
}

TEST(A2bUnstableAck, IsAnotherTimeForTheSameMessage) {
  Planted p;
  p.ok(p.invoke({1, 'a'}), 1, 5).ok(p.invoke({1, 'a'}), 1, 6).row({1, 'a'}, 1).dumped();
  EXPECT_TRUE(p.judged().has("A2b"));
}

TEST(A2bUnstableAck, IsOneThatChangesOnlyTheThirdTime) {
  Planted p;
  p.sent({1, 'a'}, 1).ok(p.invoke({1, 'a'}), 1).ok(p.invoke({1, 'a'}), 7).dumped();
  EXPECT_TRUE(p.judged().has("A2b"));
}

TEST(A2bUnstableAck, IsNotTheSameAnswerTwice) {
  Planted p;
  p.ok(p.invoke({1, 'a'}), 1).ok(p.invoke({1, 'a'}), 1).row({1, 'a'}, 1).dumped();
  expect_valid(p);
}

// -- A3

TEST(A3Phantom, IsARowThatNobodySent) {
  Planted p;
  p.sent({1, 'a'}, 1).row({2, 'x'}, 2).dumped();
  EXPECT_TRUE(p.judged().has("A3"));
}

TEST(A3Phantom, IsADeliveryWithAnotherBody) {
  Planted p;
  p.sent({1, 'a'}, 1).push("2/1", {1, 'a'}, 1, "corrupt").dumped();
  EXPECT_TRUE(p.judged().has("A3"));
}

TEST(A3Phantom, IsAnotherSendersName) {
  Planted p;
  p.sent({1, 'a'}, 1).push("2/1", {2, 'a'}, 1).dumped();
  EXPECT_TRUE(p.judged().has("A3"));
}

TEST(A3Phantom, IsAPushThatNobodySent) {
  Planted p;
  p.sent({1, 'a'}, 1).pushed("2/1", {1, 'x'}, 2).dumped();
  EXPECT_TRUE(p.judged().has("A3"));
}

TEST(A3Phantom, IsAPageWithAnotherBody) {
  Planted p;
  p.sent({1, 'a'}, 1).asked("2/1", 1, {.head = 1, .lines = {{{1, 'a'}, 1, "corrupt"}}}).dumped();
  EXPECT_TRUE(p.judged().has("A3"));
}

TEST(A3Phantom, IsNotAMessageWhoseSenderNeverLearntItsFateInTime) {
  Planted p;
  p.unknown(p.invoke({1, 'a'})).push("2/1", {1, 'a'}, 1).sent({1, 'a'}, 1).dumped();
  expect_valid(p);
}

// -- A3b

TEST(A3bAbortedRead, IsARefusedMessageInTheDatabase) {
  Planted p;
  p.failed(p.invoke({1, 'a'})).row({1, 'a'}, 1).dumped();
  EXPECT_TRUE(p.judged().has("A3b"));
}

TEST(A3bAbortedRead, IsARefusedMessageOnADevice) {
  Planted p;
  p.failed(p.invoke({1, 'a'})).push("2/1", {1, 'a'}, 1).dumped();
  EXPECT_TRUE(p.judged().has("A3b"));
}

TEST(A3bAbortedRead, IsOneThatWasRefusedEachTimeItWasTried) {
  Planted p;
  p.failed(p.invoke({1, 'a'})).failed(p.invoke({1, 'a'})).pull("2/2", {1, 'a'}, 1).dumped();
  EXPECT_TRUE(p.judged().has("A3b"));
}

TEST(A3bAbortedRead, IsNotOneThatWasRefusedAndThenAccepted) {
  Planted p;
  p.failed(p.invoke({1, 'a'})).sent({1, 'a'}, 1).push("2/1", {1, 'a'}, 1).dumped();
  expect_valid(p);
}

// -- A5

TEST(A5StuckUnknown, IsARetryAfterHealingWithoutAnAnswer) {
  Planted p;
  p.unknown(p.invoke({1, 'a'})).healed().unknown(p.invoke({1, 'a'})).dumped();
  EXPECT_TRUE(p.judged().has("A5"));
}

TEST(A5StuckUnknown, IsARetryThatIsAnsweredTooLate) {
  Planted p;
  p.unknown(p.invoke({1, 'a'})).healed();
  const auto op = p.invoke({1, 'a'});
  p.later(11s).ok(op, 1).row({1, 'a'}, 1).dumped();
  EXPECT_TRUE(p.judged().has("A5"));
}

TEST(A5StuckUnknown, IsARetryThatIsNeverAnsweredAtAll) {
  Planted p;
  p.healed().sent({1, 'b'}, 1).invoke({1, 'a'});
  EXPECT_TRUE(p.dumped().judged().has("A5"));
}

TEST(A5StuckUnknown, IsNotASlowAnswerBeforeHealing) {
  Planted p;
  const auto op = p.invoke({1, 'a'});
  p.later(30s).ok(op, 1).row({1, 'a'}, 1).healed().dumped();
  expect_valid(p);
}

// -- A7

TEST(A7DedupeCollision, IsAnAckForAnotherBodyUnderTheSameId) {
  Planted p;
  p.ok(p.invoke({1, 'a'}), 1).ok(p.invoke({1, 'a'}, "other"), 1).row({1, 'a'}, 1).dumped();
  EXPECT_TRUE(p.judged().has("A7"));
}

TEST(A7DedupeCollision, IsANewEntryForAnotherBodyUnderTheSameId) {
  Planted p;
  p.ok(p.invoke({1, 'a'}), 1).ok(p.invoke({1, 'a'}, "other"), 2);
  p.row({1, 'a'}, 1).row({1, 'a'}, 2, "other").dumped();
  EXPECT_TRUE(p.judged().has("A7"));
}

TEST(A7DedupeCollision, IsAnotherUsersMessageTakenForARepetition) {
  Planted p;
  p.sent({1, 'a'}, 1).ok(p.invoke({2, 'a'}), 1).dumped();
  EXPECT_TRUE(p.judged().has("A7"));
}

TEST(A7DedupeCollision, IsNotARefusedOtherBody) {
  Planted p;
  p.sent({1, 'a'}, 1).failed(p.invoke({1, 'a'}, "other")).dumped();
  expect_valid(p);
}

}  // namespace
}  // namespace parley::verify
