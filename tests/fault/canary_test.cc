// A worker that acknowledges before it commits: the defect that all this exists to see. If it is
// not found, the other fault tests prove nothing.
#include "tests/fault/fault_run.h"
#include "tests/support/swapped_worker.h"

namespace parley::test {
namespace {

TEST(Canary, AWorkerThatAcknowledgesBeforeItCommitsIsCaught) {
  const SwappedWorker swapped("parley-worker-early-ack");
  FaultRunOptions options{.cluster = busy_cluster(),
                          .nemesis = kill_in_turn({"worker-1", "worker-2", "worker-3"}, 500ms, 5s),
                          .faults_min = 5};
  options.cluster.workers = 3;
  const FaultRun run = run_with_faults(options);
  EXPECT_EQ(run.verdict.kind, Verdict::Kind::invalid);
  EXPECT_TRUE(run.verdict.has("A1")) << describe(run.verdict);
}

}  // namespace
}  // namespace parley::test
