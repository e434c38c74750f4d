#include "tests/fault/chaos.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "cli/verify/check.h"
#include "cli/verify/figures.h"
#include "cli/verify/watcher.h"
#include "tests/fault/fault_run.h"

namespace parley::test {
namespace {

namespace fs = std::filesystem;

constexpr ChatOptions people{.pairs = 5, .outbox = 2};
// 10 people with two messages on their way: about 500 messages a second, whose history a run of ten
// minutes can hold.
constexpr Duration pause_between_messages = 40ms;
// Half the time may be lost to what is broken.
constexpr std::size_t acked_per_second_min = 100;
constexpr Duration look_every = 5s;

ClusterOptions cluster_of_chaos(std::uint64_t seed) {
  ClusterOptions options = busy_cluster();
  options.brokers = 2;
  options.workers = 3;
  options.gateways = 2;
  options.links = Links::proxied;
  options.links_seed = seed;
  options.business = true;  // brokers then have a list of keys that can be spoilt
  for (auto* environment : {&options.broker_environment, &options.worker_environment,
                            &options.gateway_environment})
    environment->push_back("PARLEY_METRICS_LISTEN=127.0.0.1:0");
  return options;
}

std::vector<ChaosKind> choose(const std::vector<std::string>& only) {
  std::vector<ChaosKind> chosen;
  for (ChaosKind& kind : all_kinds()) {
    if (!only.empty() && std::ranges::find(only, kind.shape.name) == only.end()) continue;
    if (kind.unavailable)
      fmt::print("left out: {}: {}\n", kind.shape.name, *kind.unavailable);
    else
      chosen.push_back(std::move(kind));
  }
  return chosen;
}

// Enters what processes hold into a history of its own, now and then; a broker that does not answer
// must not hold up those who chat.
class WatchThread {
 public:
  WatchThread(const Watcher& watcher) : thread_([this, &watcher] {
    while (!over_) {
      watcher.look_at_brokers(seen_);
      watcher.look_at_processes(seen_);
      for (const Instant next = monotonic_now() + look_every; !over_ && monotonic_now() < next;)
        pass(20ms);
    }
  }) {}
  const History& finish() {
    over_ = true;
    if (thread_.joinable()) thread_.join();
    return seen_;
  }
  ~WatchThread() { finish(); }

 private:
  std::atomic<bool> over_ = false;
  History seen_;
  std::thread thread_;
};

// Who was not there at the last look has just begun: what he holds now is no measure of anything.
Result<Watcher> watch(Cluster& cluster, const Scene& scene) {
  using Lives = std::vector<std::pair<std::string, int>>;
  const auto before = std::make_shared<Lives>();
  return Watcher::open(cluster.broker_endpoints(), [&cluster, before, ours = scene.ours()] {
    Lives now;
    for (const std::string& name : ours)
      if (const auto pid = cluster.pid(name)) now.emplace_back(name, static_cast<int>(pid));
    Lives grown_up;
    std::ranges::copy_if(now, std::back_inserter(grown_up), [&](const auto& life) {
      return std::ranges::find(*before, life) != before->end();
    });
    *before = std::move(now);
    return grown_up;
  });
}

// A lost connection is what faults are; the SDK makes a new one by itself. Anything else a person would
// have had to deal with.
bool is_to_be_expected(const std::string& error) {
  for (const Errc code : {Errc::disconnected, Errc::idle, Errc::going_away, Errc::slow_consumer,
                          Errc::retry_later, Errc::no_service, Errc::rate_limited})
    if (error.find(fmt::format(": connection lost: {} ", name_of(code))) != std::string::npos)
      return true;
  return false;
}

std::vector<std::string> unexpected(const std::vector<std::string>& errors) {
  std::vector<std::string> rest;
  std::ranges::remove_copy_if(errors, std::back_inserter(rest), is_to_be_expected);
  return rest;
}

double in_seconds(Duration length) { return std::chrono::duration<double>(length).count(); }

void print_table(const std::vector<KindReport>& reports) {
  fmt::print("\n{:24} {:>5} {:>9} {:>16} {:>8}\n", "kind", "times", "confirmed", "slowest recovery",
             "target");
  for (const KindReport& report : reports)
    if (report.times > 0)
      fmt::print("{:24} {:>5} {:>9} {:>14.1f} s {:>6.1f} s{}\n", report.kind, report.times,
                 report.confirmed, in_seconds(report.slowest), in_seconds(report.target),
                 report.unrecovered > 0                         ? "  did not recover"
                 : report.slowest > recovery_max(report.target) ? "  far too slow"
                 : report.slowest > report.target               ? "  too slow"
                                                                : "");
}

void complain_of_recoveries(const std::vector<KindReport>& reports, ChaosOutcome& outcome) {
  for (const KindReport& report : reports)
    if (report.unrecovered > 0)
      outcome.why.push_back(fmt::format("{}: not everything worked again within {:.0f} s",
                                        report.kind, in_seconds(HavocThread::recovery_limit)));
    else if (report.slowest > recovery_max(report.target))
      outcome.why.push_back(fmt::format("{}: recovered after {:.1f} s, {:.1f} s is the most",
                                        report.kind, in_seconds(report.slowest),
                                        in_seconds(recovery_max(report.target))));
}

void conclude(const Verdict& verdict, ChaosOutcome& outcome) {
  for (const Finding& finding : verdict.findings) outcome.anomalies.insert(finding.anomaly);
  const bool invalid = !outcome.why.empty() || verdict.kind == Verdict::Kind::invalid;
  if (verdict.kind != Verdict::Kind::valid) outcome.why.push_back(describe(verdict));
  outcome.kind = invalid                                   ? ChaosOutcome::Kind::invalid
                 : verdict.kind == Verdict::Kind::unknown ? ChaosOutcome::Kind::unknown
                                                           : ChaosOutcome::Kind::valid;
}

void keep(const History& history, const Cluster& cluster) {
  const char* chosen = std::getenv("PARLEY_FAULT_HISTORY");
  const fs::path folder =
      chosen != nullptr
          ? fs::path(chosen)
          : fs::temp_directory_path() / fmt::format("parley-chaos-{:x}", secure_random_id());
  std::error_code error;
  fs::create_directories(folder, error);
  const Status saved = history.save(folder / "chaos.jsonl");
  EXPECT_TRUE(saved) << saved.error().detail;
  fs::copy(cluster.data() + "/log", folder / "log",
           fs::copy_options::recursive | fs::copy_options::overwrite_existing, error);
  EXPECT_FALSE(error) << error.message();
  fmt::print("The history and everybody's logs are in {}.\n", folder.string());
}

// Everything after the cluster is up.
class Run {
 public:
  Run(const ChaosOptions& options, Cluster& cluster, const ClusterOptions& shape)
      : options_(options),
        cluster_(cluster),
        scene_{.cluster = cluster,
               .shape = shape,
               .random = Random(options.seed ^ 0x5eed),
               .visitors = Visitors(server_of(cluster))},
        database_(cluster.database_url()),
        chat_(server_of(cluster),
              people_of(people, pause_between_messages), &database_) {}

  ChaosOutcome carry_out(std::vector<ChaosKind> kinds) {
    const auto watcher = watch(cluster_, scene_);
    EXPECT_TRUE(watcher && scene_.visitors.register_all() && chat_.log_in());
    if (testing::Test::HasFailure()) return {.why = {"nobody can log in"}};
    WatchThread watching(*watcher);
    const std::vector<KindReport> reports = chat(std::move(kinds));
    settle();
    chat_.history().merge(watching.finish());
    leave(*watcher);
    return judge_all(reports);
  }

 private:
  std::vector<KindReport> chat(std::vector<ChaosKind> kinds) {
    Recovery recovery;
    HavocThread havoc(scene_, recovery,
                      {.kinds = std::move(kinds),
                       .seed = options_.seed,
                       .every = options_.every,
                       .length = options_.length});
    chat_.run_until([&] {
      recovery.look(chat_);
      return havoc.is_done();
    });
    if (!chat_.finish_sending()) outcome_.why.push_back("not everything was answered in the end");
    chat_.history().merge(havoc.faults());
    return havoc.reports();
  }

  void settle() {
    if (!cluster_.wait_ready())
      outcome_.why.push_back("in the end not everybody is registered with every broker");
    if (!chat_.settle()) outcome_.why.push_back("in the end a device lacked something");
  }

  void leave(const Watcher& watcher) {
    const std::vector<UserId> users = chat_.users();
    errors_ = chat_.visible_errors();
    chat_.leave();
    chat_.wait(1s);
    watcher.look_at_attempts(users, chat_.history());
    watcher.look_at_brokers(chat_.history());
    watcher.look_at_processes(chat_.history());
    chat_.history().sort();
  }

  ChaosOutcome judge_all(const std::vector<KindReport>& reports) {
    const Figures figures = figures_of(chat_.history());
    outcome_.acked = figures.messages_acked;
    outcome_.confirmed = figures.faults;
    const auto needed =
        static_cast<std::size_t>(in_seconds(options_.length)) * acked_per_second_min;
    const Verdict verdict =
        judge(chat_.history(), {.acked = needed, .effective_faults = 1});
    for (const std::string& error : unexpected(errors_)) outcome_.why.push_back(error);
    complain_of_recoveries(reports, outcome_);
    if (testing::Test::HasFailure()) outcome_.why.push_back("a check failed, see above");
    conclude(verdict, outcome_);
    print_table(reports);
    fmt::print("\n{}\n", to_text(figures));
    if (outcome_.kind != ChaosOutcome::Kind::valid) keep(chat_.history(), cluster_);
    return outcome_;
  }

  const ChaosOptions& options_;
  Cluster& cluster_;
  Scene scene_;
  Database database_;
  Workload chat_;
  ChaosOutcome outcome_;
  std::vector<std::string> errors_;
};

}  // namespace

ChaosOutcome run_chaos(const ChaosOptions& options) {
  init_crypto();
  std::vector<ChaosKind> kinds = choose(options.only);
  if (kinds.empty()) return {.why = {"nothing to break"}};
  const ClusterOptions shape = cluster_of_chaos(options.seed);
  Cluster cluster(shape);
  if (!cluster.ready() || !cluster.wait_ready()) return {.why = {"the cluster does not come up"}};
  cluster.announce("broker.key_list_refused");
  return Run(options, cluster, shape).carry_out(std::move(kinds));
}

}  // namespace parley::test
