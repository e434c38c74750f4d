// A rolling restart, as an operator does it for an upgrade: every process in turn, under load.
#include "tests/fault/fault_run.h"
#include "tests/support/eventually.h"

namespace parley::test {
namespace {

TEST(RollingRestart, OfEveryProcessIsNotNoticed) {
  const std::vector<std::string> processes{"worker-1", "worker-2",  "broker-1",
                                           "broker-2", "gateway-1", "gateway-2"};
  FaultRunOptions options{.cluster = busy_cluster(),
                          .nemesis =
                              [&](Nemesis& nemesis, Cluster&) {
                                nemesis.wait(1s);
                                for (const std::string& process : processes) {
                                  nemesis.restart(process);
                                  nemesis.wait(500ms);
                                }
                              },
                          .faults_min = processes.size()};
  options.cluster.gateways = 2;
  const FaultRun run = run_with_faults(options);
  expect_unnoticed(run);
  // Once per gateway that went away.
  EXPECT_GE(run.moves_max, 1u);
  EXPECT_LE(run.moves_max, options.cluster.gateways);
  EXPECT_LE(run.acks.max(), 5s * slowness());
}

}  // namespace
}  // namespace parley::test
