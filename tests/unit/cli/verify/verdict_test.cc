// A run that could not have shown an anomaly is unknown, never valid.
#include "tests/unit/cli/verify/planted_history.h"

namespace parley::verify {
namespace {

using Kind = Verdict::Kind;

Planted good_run() {
  Planted p;
  p.sent({1, 'a'}, 1).sent({2, 'b'}, 2).fault(100, 101).healed().dumped();
  return p;
}

TEST(Verdict, IsValidWhenEnoughHappenedAndNothingIsWrong) {
  EXPECT_EQ(good_run().judged({.acked = 2, .effective_faults = 1}).kind, Kind::valid);
}

TEST(Verdict, IsUnknownWithTooFewAcknowledgedMessages) {
  EXPECT_EQ(good_run().judged({.acked = 3, .effective_faults = 1}).kind, Kind::unknown);
}

TEST(Verdict, IsUnknownWithTooFewFaults) {
  EXPECT_EQ(good_run().judged({.acked = 2, .effective_faults = 2}).kind, Kind::unknown);
}

TEST(Verdict, IsUnknownWhenAFaultDidNotTakeHold) {
  Planted p = good_run();
  p.fault(100, 100);
  EXPECT_EQ(p.judged({.acked = 2, .effective_faults = 1}).kind, Kind::unknown);
  Planted gone = good_run();
  gone.fault(100, 0);
  EXPECT_EQ(gone.judged({.acked = 2, .effective_faults = 1}).kind, Kind::unknown);
}

TEST(Verdict, IsUnknownWithoutADump) {
  Planted p;
  p.sent({1, 'a'}, 1);
  EXPECT_EQ(p.judged().kind, Kind::unknown);
}

TEST(Verdict, IsUnknownWhenTheDumpLostLines) {
  History history;
  history.add(Instant{1ms}, "database", Dumped{.rows = 3});
  EXPECT_EQ(judge(history, {.acked = 0}).kind, Kind::unknown);
}

TEST(Verdict, IsUnknownWhileAMessagesFateIs) {
  Planted p;
  p.sent({1, 'a'}, 1).unknown(p.invoke({1, 'z'})).dumped();
  EXPECT_EQ(p.judged().kind, Kind::unknown);
}

TEST(Verdict, IsUnknownWhenTheRecorderAnswersWhatWasNeverAsked) {
  Planted p = good_run();
  p.ok(77, 3);
  EXPECT_EQ(p.judged().kind, Kind::unknown);
}

TEST(Verdict, AnAnomalyOutweighsEveryDoubt) {
  Planted p;
  p.ok(p.invoke({1, 'a'}), 1).fault(1, 1).dumped();
  EXPECT_EQ(p.judged({.acked = 50}).kind, Kind::invalid);
  EXPECT_THAT(describe(p.judged()), testing::HasSubstr("A1 x1"));
}

TEST(Verdict, OfALongHistoryComesSoon) {
  Planted p;
  for (std::uint64_t other = 2; other < 2'000; ++other) {
    p.in(1, other).by("1/" + std::to_string(other % 50));
    for (std::uint64_t seq = 1; seq <= 25; ++seq) {
      const Planted::Name name{1, static_cast<char>('a' + seq)};
      p.sent(name, seq).push(std::to_string(other) + "/1", name, seq);
    }
  }
  const Instant begun = monotonic_now();
  EXPECT_EQ(p.dumped().judged({.acked = 49'950}).kind, Kind::valid);
  EXPECT_LT(monotonic_now() - begun, 10s);
}

}  // namespace
}  // namespace parley::verify
