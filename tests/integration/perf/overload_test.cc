// Patient clients against a real cluster that refuses much of what they say: nothing is lost,
// nothing is there twice, and everything is accounted for.
#include "cli/family.h"
#include "perf/load/overload.h"
#include "tests/support/cluster.h"

namespace parley::perf {
namespace {

class PatientLoad : public testing::Test {
 protected:
  std::unique_ptr<Overload> connect(const test::Cluster& cluster) {
    auto load = Overload::connect(
        {.gateway = cluster.gateway(),
         .pin = cluster.pin(),
         .database = postgres_in(cluster.data()).url("postgres", "parley_app"),
         .pairs = 4,
         .window = 16,
         .outbox_max = 8});
    EXPECT_TRUE(load) << (load ? "" : load.error().detail);
    return load ? *std::move(load) : nullptr;
  }
};

TEST_F(PatientLoad, LosesAndRepeatsNothingWhileMuchIsRefused) {
  test::Cluster cluster({.broker_environment = {"PARLEY_BROKER_HELD_MESSAGES=5"},
                         .gateway_environment = {"PARLEY_LIMITS_FRAMES_PER_SECOND=0",
                                                 "PARLEY_LIMITS_MESSAGES_PER_SECOND=0"}});
  ASSERT_TRUE(cluster.ready() && cluster.wait_ready());
  const auto load = connect(cluster);
  ASSERT_TRUE(load);
  int seconds = 0;
  const PatientCounts counts =
      load->offer(20'000, 2s, [&](const PatientCounts&) { ++seconds; });
  EXPECT_GE(seconds, 2);
  EXPECT_NEAR(static_cast<double>(counts.offered), 40'000, 200);
  EXPECT_GT(counts.shed, 0u);
  EXPECT_GT(counts.refused, 0u);
  EXPECT_EQ(counts.good + counts.late, counts.ack.count());
  const auto rows = load->finish();
  ASSERT_TRUE(rows) << rows.error().detail;
  // What was in flight or waited at the end was acknowledged after the counts were taken.
  EXPECT_GE(rows->found, counts.good + counts.late);
  EXPECT_LE(rows->found, counts.offered - counts.shed);
  EXPECT_EQ(std::to_string(rows->found + rows->unacked),
            cluster.sql("SELECT count(*) FROM parley.log").at(0).at(0));
}

TEST_F(PatientLoad, SeesThatAnAcknowledgedMessageIsGone) {
  test::Cluster cluster;
  ASSERT_TRUE(cluster.ready() && cluster.wait_ready());
  const auto load = connect(cluster);
  ASSERT_TRUE(load);
  load->offer(20, 1s);
  cluster.sql("DELETE FROM parley.log WHERE seq = 1");
  const auto rows = load->finish();
  ASSERT_FALSE(rows);
  EXPECT_THAT(rows.error().detail, testing::HasSubstr("messages acknowledged"));
}

}  // namespace
}  // namespace parley::perf
