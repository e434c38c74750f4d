#include "perf/load/tally.h"

namespace parley::perf {
namespace {

Tally perfect() {
  Tally tally;
  tally.sent = tally.acked = tally.delivered = tally.rows_expected = tally.rows_found = 10;
  return tally;
}

TEST(Tally, IsCleanWhenEverythingArrivedOnceInOrder) { EXPECT_TRUE(perfect().clean()); }

TEST(Tally, IsNotCleanAfterAnythingElse) {
  const std::vector<std::function<void(Tally&)>> spoil = {
      [](Tally& t) { ++t.lost_connections; }, [](Tally& t) { ++t.refused["retry_later"]; },
      [](Tally& t) { ++t.unanswered; },       [](Tally& t) { ++t.acks_misordered; },
      [](Tally& t) { ++t.duplicates; },       [](Tally& t) { ++t.misordered; },
      [](Tally& t) { ++t.missing; },          [](Tally& t) { --t.rows_found; },
      [](Tally& t) { ++t.rows_foreign; }};
  for (const auto& each : spoil) {
    Tally tally = perfect();
    each(tally);
    EXPECT_FALSE(tally.clean());
    EXPECT_FALSE(Tally::from_json(tally.to_json()).clean());
    Tally sum = perfect();
    sum.add(tally);
    EXPECT_FALSE(sum.clean());
  }
}

TEST(Tally, SurvivesTheWayBetweenProcesses) {
  Tally tally = perfect();
  tally.cpu_seconds = 1.5;
  tally.ack.record(3ms);
  const Tally back = Tally::from_json(tally.to_json());
  EXPECT_EQ(back.to_json(), tally.to_json());
  EXPECT_EQ(back.ack.max(), Duration(3ms));
}

}  // namespace
}  // namespace parley::perf
