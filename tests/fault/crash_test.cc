// `kill -9` under load: nobody may notice, and nothing may be lost (DESIGN §1, promises 1, 2, 3 and
// 6).
#include <gmock/gmock.h>

#include "tests/fault/fault_run.h"

namespace parley::test {
namespace {

void expect_unnoticed(const FaultRun& run) {
  EXPECT_EQ(run.verdict.kind, Verdict::Kind::valid) << describe(run.verdict);
  EXPECT_THAT(run.visible_errors, testing::IsEmpty());
  EXPECT_TRUE(run.everything_acknowledged);
  EXPECT_TRUE(run.everybody_in_step);
}

TEST(WorkerCrash, LosesAndRepeatsNothingAndIsNotNoticed) {
  FaultRunOptions options{.cluster = busy_cluster(),
                          .chat = {},
                          .victims = {"worker-1", "worker-2", "worker-3"},
                          .pace = 500ms};
  options.cluster.workers = 3;
  expect_unnoticed(run_with_kills(options));
}

TEST(BrokerCrash, LosesAndRepeatsNothingAndIsNotNoticed) {
  FaultRunOptions options{
      .cluster = busy_cluster(), .chat = {}, .victims = {"broker-1", "broker-2"}, .pace = 3s};
  options.cluster.brokers = 2;
  expect_unnoticed(run_with_kills(options));
}

}  // namespace
}  // namespace parley::test
