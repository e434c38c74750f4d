// `kill -9` of workers under load: nobody may notice, and nothing may be lost (DESIGN §1, promises
// 1, 2, 3 and 6).
#include "tests/fault/fault_run.h"

namespace parley::test {
namespace {

TEST(WorkerCrash, LosesAndRepeatsNothingAndIsNotNoticed) {
  constexpr Duration pace = 500ms;
  FaultRunOptions options{
      .cluster = busy_cluster(),
      .nemesis = kill_in_turn({"worker-1", "worker-2", "worker-3"}, pace, fault_length(15s)),
      .faults_min = static_cast<std::size_t>(fault_length(15s) / pace) / 2};
  options.cluster.workers = 3;
  const FaultRun run = run_with_faults(options);
  expect_unnoticed(run);
  EXPECT_EQ(run.moves_max, 0u);
}

}  // namespace
}  // namespace parley::test
