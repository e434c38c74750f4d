#include "client/cursor_report.h"

namespace parley::client {
namespace {

const Instant start{};

Cursors cursors(std::uint64_t received, std::uint64_t read) { return {Seq{received}, Seq{read}}; }

TEST(CursorReport, SaysTheFirstAtOnceAndTheRestOnceASecond) {
  CursorReport report(1s);
  report.want(cursors(1, 0));
  EXPECT_EQ(report.take_due(start + 5s), cursors(1, 0));
  report.answered(cursors(1, 0));
  for (std::uint64_t seq = 2; seq <= 50; ++seq) report.want(cursors(seq, 0));
  EXPECT_FALSE(report.take_due(start + 5900ms));
  EXPECT_EQ(report.next_due(), start + 6s);
  EXPECT_EQ(report.take_due(start + 6s), cursors(50, 0));
}

TEST(CursorReport, HasOneReportInFlight) {
  CursorReport report(1s);
  report.want(cursors(1, 0));
  ASSERT_TRUE(report.take_due(start));
  report.want(cursors(2, 0));
  EXPECT_FALSE(report.take_due(start + 10s));
  report.answered(cursors(1, 0));
  EXPECT_EQ(report.take_due(start + 10s), cursors(2, 0));
}

TEST(CursorReport, NeverGoesBackAndReadImpliesReceived) {
  CursorReport report(1s);
  report.want(cursors(0, 7));
  EXPECT_EQ(report.wanted(), cursors(7, 7));
  report.want(cursors(3, 2));
  EXPECT_EQ(report.wanted(), cursors(7, 7));
}

TEST(CursorReport, SaysNothingThatTheServerKnows) {
  CursorReport report(1s);
  report.want(cursors(3, 1));
  report.server_has(cursors(5, 2));
  EXPECT_EQ(report.next_due(), std::nullopt);
  EXPECT_FALSE(report.take_due(start + 1h));
}

TEST(CursorReport, DoesNotRepeatWhatTheServerHasCut) {
  CursorReport report(1s);
  report.want(cursors(9, 0));
  ASSERT_TRUE(report.take_due(start));
  report.answered(cursors(4, 0));
  EXPECT_FALSE(report.take_due(start + 1h));
}

TEST(CursorReport, ComesAgainAfterAFailureOrANewConnection) {
  CursorReport report(1s);
  report.want(cursors(1, 0));
  ASSERT_TRUE(report.take_due(start));
  report.failed(start, 5s);
  EXPECT_FALSE(report.take_due(start + 4s));
  ASSERT_TRUE(report.take_due(start + 5s));
  report.disconnected();
  EXPECT_TRUE(report.take_due(start + 6s));
}

}  // namespace
}  // namespace parley::client
