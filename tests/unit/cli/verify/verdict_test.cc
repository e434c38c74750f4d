// A run that could not have shown an anomaly is unknown, never valid.
#include <set>

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

TEST(Verdict, WithoutADumpIsPossibleAndSaysWhatItDoesNotCover) {
  Planted p;
  p.sent({1, 'a'}, 1);
  const Verdict verdict = judge(p.history(), {.dump = Needed::Dump::if_there});
  EXPECT_EQ(verdict.kind, Kind::valid) << describe(verdict);
  for (const char* anomaly : {"A1", "A8", "B1", "C4", "L6"})
    EXPECT_THAT(verdict.uncovered, testing::Contains(testing::StartsWith(anomaly))) << anomaly;
  EXPECT_THAT(verdict.uncovered, testing::Not(testing::Contains(testing::StartsWith("B3"))));
  EXPECT_THAT(describe(verdict), testing::HasSubstr("not covered: A8"));
}

TEST(Verdict, WithoutADumpStillSeesWhatDevicesSaw) {
  Planted p;
  p.sent({1, 'a'}, 1).sent({1, 'b'}, 2).push("2/1", {1, 'b'}, 2).synced("2/1", 2);
  EXPECT_TRUE(judge(p.history(), {.dump = Needed::Dump::if_there}).has("A1"));
}

TEST(Verdict, SaysWhenNobodyWatchedTheProcesses) {
  Planted p = good_run();
  EXPECT_THAT(p.judged().uncovered, testing::Contains(testing::StartsWith("L4")));
  p.gauge("broker-1", "queued", 0, 9).attempted(1, 1);
  EXPECT_THAT(p.judged().uncovered, testing::IsEmpty());
}

TEST(Rules, EachHasANameOfItsOwnAndASentence) {
  std::set<std::string_view> names;
  for (const Rule& rule : all_rules()) {
    EXPECT_TRUE(names.insert(rule.anomaly).second) << rule.anomaly;
    EXPECT_FALSE(rule.sentence.empty());
  }
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
