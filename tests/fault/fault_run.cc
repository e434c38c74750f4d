#include "tests/fault/fault_run.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <charconv>
#include <cstdlib>

#include "proto/channel.h"
#include "tests/fault/fault_cost.h"
#include "tests/support/eventually.h"

namespace parley::test {
namespace {

std::string test_name() {
  const auto* info = testing::UnitTest::GetInstance()->current_test_info();
  return std::string(info->test_suite_name()) + "." + info->name();
}

void keep(const History& history) {
  const char* folder = std::getenv("PARLEY_FAULT_HISTORY");
  if (folder == nullptr) return;
  const Status saved = history.save(std::string(folder) + "/" + test_name() + ".jsonl");
  EXPECT_TRUE(saved) << saved.error().detail;
}

std::string figures(const perf::LatencyHistogram& acks) {
  const auto ms = [](Duration d) { return std::chrono::duration<double, std::milli>(d).count(); };
  return fmt::format("p50 {:.1f} ms, p99 {:.1f} ms, slowest {:.0f} ms", ms(acks.at(0.5)),
                     ms(acks.at(0.99)), ms(acks.max()));
}

std::vector<Fault> faults_in(const History& history) {
  std::vector<Fault> faults;
  for (const Event& event : history.events())
    if (const auto* fault = std::get_if<Fault>(&event.what)) faults.push_back(*fault);
  return faults;
}

void report(const FaultRun& run, const Workload& chat) {
  const std::vector<Fault> faults = faults_in(chat.history());
  fmt::print("{}: {} faults in {:.0f} s; {} acked, {}; {} awaited at a fault, {}; {}\n",
             test_name(), faults.size(), std::chrono::duration<double>(chat.ran()).count(),
             run.acks.count(), figures(run.acks), run.fault_cost.count(), figures(run.fault_cost),
             describe(run.verdict));
  for (const Fault& fault : faults)
    if (fault.kind == "SIGSTOP")
      fmt::print("  {} {}: {} before, {} after\n", fault.kind, fault.target, fault.before,
                 fault.after);
}

}  // namespace

verify::Server server_of(const Cluster& cluster) {
  const auto pin = client::parse_pin(cluster.pin());
  EXPECT_TRUE(pin);
  verify::Server server{.gateways = {}, .pin = pin.value_or(PinnedKey{})};
  for (const std::string& gateway : cluster.gateways()) {
    const auto endpoint = client::parse_endpoint(gateway);
    EXPECT_TRUE(endpoint) << gateway;
    if (endpoint) server.gateways.push_back(*endpoint);
  }
  return server;
}

WorkloadOptions people_of(const ChatOptions& chat, Duration pause) {
  WorkloadOptions options{.people = {}, .outbox = chat.outbox, .pause = pause};
  for (unsigned user = 0; user < 2 * chat.pairs; ++user)
    options.people.push_back({"user-" + std::to_string(user), "correct horse"});
  return options;
}

Duration fault_length(std::chrono::seconds preset) {
  const char* text = std::getenv("PARLEY_FAULT_SECONDS");
  std::int64_t seconds = preset.count();
  if (text != nullptr) std::from_chars(text, text + std::string_view(text).size(), seconds);
  return std::chrono::seconds(seconds);
}

ClusterOptions busy_cluster() {
  return {
      .worker_environment = {"PARLEY_LOGIN_HASH_OPERATIONS=1", "PARLEY_LOGIN_HASH_MEMORY_KIB=64"},
      .gateway_environment = {
          "PARLEY_LIMITS_FRAMES_PER_SECOND=0", "PARLEY_LIMITS_MESSAGES_PER_SECOND=0",
          "PARLEY_LIMITS_PER_ORIGIN_PRE_AUTH_MAX=0", "PARLEY_LIMITS_PER_ORIGIN_PER_SECOND=0"}};
}

FaultRun run_with_faults(const FaultRunOptions& options) {
  init_crypto();
  FaultRun run;
  Cluster cluster(options.cluster);
  if (!cluster.ready() || !cluster.wait_ready()) {
    ADD_FAILURE() << "the cluster does not come up";
    return run;
  }
  Database database(cluster.database_url());
  Workload chat(server_of(cluster), people_of(options.chat), &database);
  EXPECT_TRUE(chat.log_in());
  {
    Nemesis nemesis(cluster, options.nemesis);
    EXPECT_TRUE(chat.run_until([&] { return nemesis.is_done(); }));
    run.everything_acknowledged = chat.finish_sending();
    chat.history().merge(nemesis.faults());
  }
  run.visible_errors = chat.visible_errors();
  run.moves_max = chat.moves_max();
  EXPECT_TRUE(cluster.wait_ready());
  run.everybody_in_step = chat.settle();
  keep(chat.history());
  run.acks = all_acks(chat.history());
  run.fault_cost = acks_that_met_a_fault(chat.history());
  const double seconds = std::chrono::duration<double>(chat.ran()).count();
  const double acked_min = seconds * options.acked_per_second_min / slowness();
  run.verdict = judge(chat.history(), {.acked = static_cast<std::size_t>(acked_min),
                                       .effective_faults = options.faults_min});
  report(run, chat);
  return run;
}

void expect_unnoticed(const FaultRun& run) {
  EXPECT_EQ(run.verdict.kind, Verdict::Kind::valid) << describe(run.verdict);
  EXPECT_THAT(run.visible_errors, testing::IsEmpty());
  EXPECT_TRUE(run.everything_acknowledged);
  EXPECT_TRUE(run.everybody_in_step);
}

}  // namespace parley::test
