// SIGSTOP for 10 s, then SIGCONT: to the others it is dead, then it wakes up and does not know
// that. What it says late must not count.
#include "tests/fault/fault_run.h"
#include "tests/support/eventually.h"

namespace parley::test {
namespace {

constexpr Duration pause = 10s;
// Enough on its way that the one that is stopped has some of it.
constexpr ChatOptions lively{.pairs = 5, .outbox = 4};

ClusterOptions watched_cluster() {
  ClusterOptions options = busy_cluster();
  const std::string listen = "PARLEY_METRICS_LISTEN=127.0.0.1:0";
  for (auto* environment : {&options.broker_environment, &options.worker_environment})
    environment->push_back(listen);
  return options;
}

TEST(Pause, OfAWorkerMakesItsLateAnswersCountForNothing) {
  // What it answers when it wakes up: to a broker that has given the request to another worker, or
  // to one that has already forgotten who it is, or not at all because it noticed first.
  const auto late_answers = [](Cluster& cluster) {
    double late = cluster.metric("worker-1", "parley_consumer_stale_replies_total");
    for (const std::string broker : {"broker-1", "broker-2"})
      late += cluster.metric(broker, "parley_broker_late_replies_total") +
              cluster.metric(broker, "parley_broker_strangers_total");
    return static_cast<std::int64_t>(late);
  };
  const FaultRun run = run_with_faults({.cluster = watched_cluster(),
                                        .chat = lively,
                                        .nemesis =
                                            [&](Nemesis& nemesis, Cluster& cluster) {
                                              nemesis.wait(1s);
                                              nemesis.pause("worker-1", pause,
                                                            [&] { return late_answers(cluster); });
                                              nemesis.wait(1s);
                                            },
                                        .faults_min = 1});
  expect_unnoticed(run);
  EXPECT_GT(run.fault_cost.count(), 0u);
  EXPECT_LE(run.acks.max(), 4s * slowness());
}

TEST(Pause, OfABrokerIsItsDeathUntilItIsForgiven) {
  const FaultRun run = run_with_faults({.cluster = watched_cluster(),
                                        .chat = lively,
                                        .nemesis =
                                            [](Nemesis& nemesis, Cluster& cluster) {
                                              nemesis.wait(1s);
                                              nemesis.pause("broker-1", pause, [&] {
                                                return static_cast<std::int64_t>(cluster.metric(
                                                    "broker-1", "parley_broker_stalls_total"));
                                              });
                                              nemesis.wait_ready();
                                              nemesis.wait(1s);
                                            },
                                        .faults_min = 1});
  expect_unnoticed(run);
  EXPECT_GT(run.fault_cost.count(), 0u);
  EXPECT_LE(run.acks.max(), 5s * slowness());
}

}  // namespace
}  // namespace parley::test
