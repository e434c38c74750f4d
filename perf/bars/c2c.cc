// Bars 1 and 2: the way of a message, held against PostgreSQL alone.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "perf/bars/bars.h"
#include "perf/bars/pairs.h"
#include "perf/bars/private_cluster.h"
#include "perf/load/shares.h"
#include "perf/raw/append.h"

namespace parley::perf {
namespace {

using Json = nlohmann::json;

constexpr Bar throughput_bar{"c2c.throughput", 0.30, Better::higher, 0.5, "messages/s"};
constexpr Bar ack_bar{"c2c.idle_ack", 1.8, Better::lower, 1.5, "us, p50"};
constexpr Bar pipelining_bar{"c2c.pipelining", 12, Better::higher, 20, "messages/s"};

double us(Duration duration) { return std::chrono::duration<double, std::micro>(duration).count(); }

class C2cBench {
 public:
  C2cBench(const BenchOptions& options, const PrivateCluster& cluster)
      : options_(options), cluster_(cluster) {}

  Result<Outcome> run() {
    PARLEY_CHECK(choose_batch());
    PARLEY_TRY(const Outcome throughput,
               bar(
                   throughput_bar, [this] { return full(); }, [this] { return raw(); }));
    PARLEY_TRY(const Outcome ack,
               bar(
                   ack_bar, [this] { return idle_ack(); }, [this] { return direct(); }));
    PARLEY_TRY(const Outcome pipelining,
               bar(
                   pipelining_bar, [this] { return busy(); }, [this] { return one_by_one(); }));
    const bool met =
        throughput == Outcome::met && ack == Outcome::met && pipelining == Outcome::met;
    return met ? Outcome::met : Outcome::missed;
  }

 private:
  Result<Outcome> bar(const Bar& bar, const Measure& measured, const Measure& baseline) {
    if (!options_.only.empty() && options_.only != bar.name) return Outcome::met;
    details_ = Json::object();
    PARLEY_TRY(const auto pairs, measure_pairs(options_.pairs, measured, baseline));
    PARLEY_TRY(const auto control, measure_pairs(options_.controls, baseline, baseline));
    details_["batch_rows"] = batch_;
    std::printf("%s\n", bar_json(bar, pairs, control, details_.dump()).c_str());
    std::fflush(stdout);
    return bar.met_by(median_ratio(pairs)) ? Outcome::met : Outcome::missed;
  }

  // The batch size with which this PostgreSQL is fastest.
  Status choose_batch() {
    double best = 0;
    for (const std::size_t batch : {100, 300, 1'000}) {
      PARLEY_TRY(const RawAppended appended,
                 raw_append({.database_url = cluster_.database(), .batch = batch, .length = 1s}));
      if (appended.rows_per_second() <= best) continue;
      best = appended.rows_per_second();
      batch_ = batch;
    }
    return {};
  }

  Result<double> raw() {
    PARLEY_TRY(
        const RawAppended appended,
        raw_append({.database_url = cluster_.database(), .batch = batch_, .length = length()}));
    return appended.rows_per_second();
  }

  Result<double> direct() {
    PARLEY_TRY(const RawAppended appended, raw_append({.database_url = cluster_.database(),
                                                       .connections = 1,
                                                       .batch = 1,
                                                       .length = length()}));
    return us(appended.statements.at(0.5));
  }

  Result<LoadReport> load(LoadOptions load) {
    load.gateway = cluster_.gateway();
    load.pin = cluster_.pin();
    load.database = cluster_.database();
    load.watched = cluster_.watched();
    load.seconds = options_.seconds;
    PARLEY_TRY(LoadReport report, run_load(load));
    details_["last"] = Json::parse(to_json(load, report));
    if (!report.tally.clean()) return fail(Errc::internal, "not clean: " + details_["last"].dump());
    return report;
  }

  Result<double> rate(const LoadOptions& wanted) {
    PARLEY_TRY(const LoadReport report, load(wanted));
    return static_cast<double>(report.tally.acked_in_window) / options_.seconds;
  }
  // 64 clients with 32 each: about as many rows in flight as the baseline's two batches.
  Result<double> full() { return rate({.pairs = 32, .window = 32}); }
  // 256 in flight.
  Result<double> busy() { return rate({.pairs = 32, .window = 4}); }
  static LoadOptions lonely() { return {.pairs = 1, .window = 1, .one_way = true}; }
  Result<double> one_by_one() { return rate(lonely()); }
  Result<double> idle_ack() {
    PARLEY_TRY(const LoadReport report, load(lonely()));
    return us(report.tally.ack.at(0.5));
  }

  Duration length() const { return LoadOptions::to_duration(options_.seconds); }

  const BenchOptions& options_;
  const PrivateCluster& cluster_;
  std::size_t batch_ = 300;
  Json details_;
};

}  // namespace

Result<Outcome> bench_c2c(const BenchOptions& options) {
  PARLEY_TRY(const PrivateCluster cluster, PrivateCluster::start(options.cluster));
  return C2cBench(options, cluster).run();
}

}  // namespace parley::perf
