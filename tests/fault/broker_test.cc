// `kill -9` of one of two brokers every second: what was there is published again by whom it came
// from.
#include "tests/fault/fault_run.h"
#include "tests/support/eventually.h"

namespace parley::test {
namespace {

TEST(BrokerCrash, OnceASecondLosesAndRepeatsNothingAndIsNotNoticed) {
  constexpr Duration pace = 1s;
  const Duration length = fault_length(60s);
  FaultRunOptions options{.cluster = busy_cluster(),
                          .nemesis = kill_at_random({"broker-1", "broker-2"}, pace, length),
                          .faults_min = static_cast<std::size_t>(length / pace) * 4 / 5};
  options.cluster.brokers = 2;
  const FaultRun run = run_with_faults(options);
  expect_unnoticed(run);
  EXPECT_EQ(run.moves_max, 0u);
  EXPECT_GT(run.fault_cost.count(), options.faults_min);
  EXPECT_LE(run.fault_cost.at(0.99), 3s * slowness());
  EXPECT_LE(run.acks.max(), 5s * slowness());
}

}  // namespace
}  // namespace parley::test
