// The anomalies of RELIABILITY §2.4, planted, and valid histories that resemble them.
#include "tests/unit/cli/verify/planted_history.h"

namespace parley::verify {
namespace {

using Kind = Verdict::Kind;

void expect_valid(const Planted& planted) {
  EXPECT_EQ(planted.judged().kind, Kind::valid) << describe(planted.judged());
}

Planted two_messages() {
  Planted p;
  p.sent({1, 'a'}, 1).sent({1, 'b'}, 2);
  return p;
}

TEST(C3ReceiptGoesBack, IsALowerReadPosition) {
  Planted p = two_messages();
  p.saw_receipt("1/1", 2, 2, 2).saw_receipt("1/1", 2, 2, 1).dumped();
  EXPECT_TRUE(p.judged().has("C3"));
}

TEST(C3ReceiptGoesBack, IsALowerReceivedPosition) {
  Planted p = two_messages();
  p.saw_receipt("1/1", 2, 2, 0).saw_receipt("1/1", 2, 1, 0).dumped();
  EXPECT_TRUE(p.judged().has("C3"));
}

TEST(C3ReceiptGoesBack, IsAnEndThatDiffersFromWhatWasAcknowledged) {
  Planted p = two_messages();
  p.acked_receipt(2, 2, 2).saw_receipt("1/1", 2, 1, 0).quiesced().dumped();
  EXPECT_TRUE(p.judged().has("C3"));
}

TEST(C3ReceiptGoesBack, IsNotAnOlderPositionSeenByAnotherDevice) {
  Planted p = two_messages();
  p.saw_receipt("1/1", 2, 2, 2).saw_receipt("1/2", 2, 1, 1).dumped();
  expect_valid(p);
}

TEST(C3ReceiptGoesBack, IsNotALateAckOfAnOlderPosition) {
  Planted p = two_messages();
  p.acked_receipt(2, 2, 2).acked_receipt(2, 2, 2).saw_receipt("1/1", 2, 2, 2).quiesced().dumped();
  expect_valid(p);
}

TEST(C3ReceiptGoesBack, IsNotAnEndBeforeQuiescence) {
  Planted p = two_messages();
  p.acked_receipt(2, 2, 2).saw_receipt("1/1", 2, 1, 0).dumped();
  expect_valid(p);
}

TEST(C4ReceiptBeyondTail, IsAPositionThatNeverExisted) {
  Planted p = two_messages();
  p.saw_receipt("1/1", 2, 3, 0).dumped();
  EXPECT_TRUE(p.judged().has("C4"));
}

TEST(C4ReceiptBeyondTail, IsAPositionSeenBeforeItsMessageWasSent) {
  Planted p;
  p.sent({1, 'a'}, 1).saw_receipt("1/1", 2, 2, 0).sent({1, 'b'}, 2).dumped();
  EXPECT_TRUE(p.judged().has("C4"));
}

TEST(C4ReceiptBeyondTail, IsNotAReceiptThatOvertakesTheAck) {
  Planted p;
  const auto op = p.invoke({1, 'a'});
  p.saw_receipt("1/1", 2, 1, 1).ok(op, 1).row({1, 'a'}, 1).dumped();
  expect_valid(p);
}

TEST(C4ReceiptBeyondTail, IsAReadPositionBeyondTheLog) {
  Planted p = two_messages();
  p.saw_receipt("1/1", 2, 9, 9).dumped();
  EXPECT_TRUE(p.judged().has("C4"));
}

// -- C5

TEST(C5ReceiptInversion, IsAReadPositionBeyondTheReceivedOne) {
  Planted p = two_messages();
  p.saw_receipt("1/1", 2, 1, 2).dumped();
  EXPECT_TRUE(p.judged().has("C5"));
}

TEST(C5ReceiptInversion, IsSeenInWhatTheServerConfirms) {
  Planted p = two_messages();
  p.acked_receipt(2, 0, 1).dumped();
  EXPECT_TRUE(p.judged().has("C5"));
}

TEST(C5ReceiptInversion, IsSeenOnAnyDevice) {
  Planted p = two_messages();
  p.saw_receipt("1/1", 2, 2, 2).saw_receipt("1/2", 2, 1, 2).dumped();
  EXPECT_TRUE(p.judged().has("C5"));
}

TEST(C5ReceiptInversion, IsNotReadingEverythingThatWasReceived) {
  Planted p = two_messages();
  p.acked_receipt(2, 2, 2).saw_receipt("1/1", 2, 2, 1).saw_receipt("1/1", 2, 2, 2).dumped();
  expect_valid(p);
}

// -- C6

TEST(C6ForgedReceipt, IsAPositionThatNobodyAskedFor) {
  Planted p = two_messages();
  p.wants_receipt(2, 1, 0).saw_receipt("1/1", 2, 2, 0).dumped();
  EXPECT_TRUE(p.judged().has("C6"));
}

TEST(C6ForgedReceipt, IsReadInsteadOfReceived) {
  Planted p = two_messages();
  p.wants_receipt(2, 2, 0).saw_receipt("1/1", 2, 2, 2).dumped();
  EXPECT_TRUE(p.judged().has("C6"));
}

TEST(C6ForgedReceipt, IsOneThatIsSeenBeforeItWasAskedFor) {
  Planted p = two_messages();
  p.wants_receipt(2, 1, 0).saw_receipt("1/1", 2, 2, 0).wants_receipt(2, 2, 0).dumped();
  EXPECT_TRUE(p.judged().has("C6"));
}

TEST(C6ForgedReceipt, IsOneOfSomebodyWhoIsNoMember) {
  Planted p = two_messages();
  p.saw_receipt("1/1", 3, 1, 1).dumped();
  EXPECT_TRUE(p.judged().has("C6"));
}

TEST(C6ForgedReceipt, IsNotWhatAnotherDeviceOfTheUserAskedFor) {
  Planted p = two_messages();
  p.wants_receipt(2, 1, 1).wants_receipt(2, 2, 0).saw_receipt("1/1", 2, 2, 1).dumped();
  expect_valid(p);
}

TEST(C6ForgedReceipt, IsNotAPositionThatReadingImplies) {
  Planted p = two_messages();
  p.wants_receipt(2, 0, 2).saw_receipt("1/1", 2, 2, 2).dumped();
  expect_valid(p);
}

}  // namespace
}  // namespace parley::verify
