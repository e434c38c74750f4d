// The anomalies C3 and C4 of RELIABILITY §2.4, planted, and valid histories that resemble them.
#include "tests/unit/support/planted_history.h"

namespace parley::test {
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

}  // namespace
}  // namespace parley::test
