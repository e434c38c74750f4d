// Bar 9: what a system still does for its users when twice as much is asked of it as it can do.
#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "perf/bars/bars.h"
#include "perf/bars/pairs.h"
#include "perf/bars/private_cluster.h"
#include "perf/cpu_time.h"
#include "perf/load/overload.h"
#include "perf/load/shares.h"

namespace parley::perf {
namespace {

using Json = nlohmann::json;

constexpr Bar goodput_bar{"overload.goodput", 0.9, Better::higher, 1.0, "messages/s"};
constexpr Bar recovery_bar{"overload.recovery", 10, Better::lower, 3, "seconds, of 1"};
constexpr Bar memory_bar{"overload.broker_memory", 1.1, Better::lower, 1.05,
                         "bytes, last quarter and second"};

constexpr unsigned client_pairs = 128;
constexpr Duration ramp = 2s;

double ms(Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

class OverloadBench {
 public:
  OverloadBench(const BenchOptions& options, const PrivateCluster& cluster)
      : options_(options), cluster_(cluster) {}

  Result<Outcome> run() {
    PARLEY_CHECK(choose_window());
    bool met = true;
    const auto bar = [&](const Bar& which, auto measure) -> Status {
      if (!options_.only.empty() && options_.only != which.name) return {};
      PARLEY_TRY(const Outcome outcome, measure());
      met = met && outcome == Outcome::met;
      return {};
    };
    PARLEY_CHECK(bar(goodput_bar, [this] { return goodput(); }));
    PARLEY_CHECK(bar(recovery_bar, [this] { return recovery(); }));
    PARLEY_CHECK(bar(memory_bar, [this] { return broker_memory(); }));
    return met ? Outcome::met : Outcome::missed;
  }

 private:
  // The number of messages in flight with which this system is fastest: up to 16,384, just below
  // what a gateway takes. They are tried there and back, because a new system is faster than one that has worked.
  Status choose_window() {
    std::map<unsigned, double> rates;
    for (const unsigned window : {8U, 16U, 32U, 64U, 64U, 32U, 16U, 8U}) {
      window_ = window;
      PARLEY_TRY(const double rate, peak(std::min(options_.seconds, 3.0)));
      rates[window] += rate / 2;
    }
    std::tie(window_, peak_) =
        *std::ranges::max_element(rates, {}, [](const auto& entry) { return entry.second; });
    return {};
  }

  Result<Outcome> goodput() {
    Json last;
    const auto overloaded = [&]() -> Result<double> {
      PARLEY_TRY(const auto load, Overload::connect(load_options()));
      load->offer(2 * peak_, ramp);
      const PatientCounts counts = load->offer(2 * peak_, length());
      PARLEY_TRY(const RowCounts rows, load->finish());
      last = to_json(counts, rows);
      return static_cast<double>(counts.good) / options_.seconds;
    };
    const auto closed = [this] { return peak(options_.seconds); };
    PARLEY_TRY(const auto pairs, measure_pairs(options_.pairs, overloaded, closed));
    PARLEY_TRY(const auto control, measure_pairs(options_.controls, closed, closed));
    const Json details{{"offered_per_second", 2 * peak_},
                       {"peak_in_flight", 2 * client_pairs * window_},
                       {"last", last}};
    return tell(goodput_bar, pairs, control, details);
  }

  // How long after a load of twice the peak the slowest are served as before.
  Result<Outcome> recovery() {
    PARLEY_TRY(const auto load, Overload::connect(load_options()));
    std::vector<double> before;
    std::vector<double> after;
    load->offer(peak_ / 2, ramp);
    load->offer(peak_ / 2, 5s, p99_into(before));
    load->offer(2 * peak_, std::max<Duration>(5s, length()));
    load->offer(peak_ / 2, 15s, p99_into(after));
    PARLEY_TRY(const RowCounts rows, load->finish());
    const double normal = median(before);
    const auto is_normal = [&](double p99) { return p99 <= 2 * normal; };
    const auto recovered = std::ranges::find_if(after, is_normal);
    const auto seconds = static_cast<double>(recovered - after.begin() + 1);
    const Json details{{"normal_p99_ms", normal},
                       {"p99_ms_by_second_before", before},
                       {"p99_ms_by_second_after", after},
                       {"rows_found", rows.found}};
    return tell(recovery_bar, {{seconds, 1}}, {}, details);
  }

  Result<Outcome> broker_memory() {
    PARLEY_TRY(const auto load, Overload::connect(load_options()));
    std::vector<double> bytes;
    const PatientCounts counts =
        load->offer(2 * peak_, std::max<Duration>(20s, length()),
                    [&](const PatientCounts&) { bytes.push_back(memory_of_brokers()); });
    PARLEY_TRY(const RowCounts rows, load->finish());
    const std::size_t quarter = bytes.size() / 4;
    const auto mean = [&](std::size_t from) {
      double sum = 0;
      for (std::size_t i = from; i < from + quarter; ++i) sum += bytes[i];
      return sum / static_cast<double>(quarter);
    };
    Json series = Json::array();
    const std::size_t every = std::max<std::size_t>(1, bytes.size() / 20);
    for (std::size_t i = 0; i < bytes.size(); i += every) series.push_back(bytes[i]);
    const Json details{{"seconds", bytes.size()},
                       {"largest", std::ranges::max(bytes)},
                       {"bytes", series},
                       {"load", to_json(counts, rows)}};
    return tell(memory_bar, {{mean(3 * quarter), mean(quarter)}}, {}, details);
  }

  static Overload::EachSecond p99_into(std::vector<double>& list) {
    return [&list](const PatientCounts& second) { list.push_back(ms(second.ack.at(0.99))); };
  }

  Result<double> peak(double seconds) {
    PARLEY_TRY(const LoadReport report, run_load({.gateway = cluster_.gateway(),
                                                  .pin = cluster_.pin(),
                                                  .database = cluster_.database(),
                                                  .pairs = client_pairs,
                                                  .window = window_,
                                                  .seconds = seconds,
                                                  .receipt_seconds = 0}));
    if (!report.tally.clean()) return fail(Errc::internal, "not clean: " + report.tally.to_json());
    return static_cast<double>(report.tally.acked_in_window) / seconds;
  }

  OverloadOptions load_options() const {
    return {.gateway = cluster_.gateway(),
            .pin = cluster_.pin(),
            .database = cluster_.database(),
            .pairs = client_pairs};
  }

  double memory_of_brokers() const {
    double sum = 0;
    for (unsigned i = 1; i <= options_.cluster.brokers; ++i)
      sum += static_cast<double>(
          anonymous_bytes(cluster_.pid("broker-" + std::to_string(i))));
    return sum;
  }

  static Json to_json(const PatientCounts& counts, const RowCounts& rows) {
    return {{"offered", counts.offered},
            {"good", counts.good},
            {"late", counts.late},
            {"shed", counts.shed},
            {"given_up", counts.given_up},
            {"refusals", counts.refused},
            {"ack_ms",
             {{"p50", ms(counts.ack.at(0.5))},
              {"p99", ms(counts.ack.at(0.99))},
              {"max", ms(counts.ack.max())}}},
            {"rows", {{"acked", rows.expected}, {"found", rows.found}, {"unacked", rows.unacked}}}};
  }

  static Result<Outcome> tell(const Bar& bar, const std::vector<Pair>& pairs,
                              const std::vector<Pair>& control, const Json& details) {
    std::printf("%s\n", bar_json(bar, pairs, control, details.dump()).c_str());
    std::fflush(stdout);
    return bar.met_by(median_ratio(pairs)) ? Outcome::met : Outcome::missed;
  }

  Duration length() const { return LoadOptions::to_duration(options_.seconds); }

  const BenchOptions& options_;
  const PrivateCluster& cluster_;
  unsigned window_ = 0;  // of each client in the closed loop
  double peak_ = 0;      // messages per second, before the first bar
};

}  // namespace

Result<Outcome> bench_overload(const BenchOptions& options) {
  PARLEY_TRY(const PrivateCluster cluster, PrivateCluster::start(options.cluster));
  return OverloadBench(options, cluster).run();
}

}  // namespace parley::perf
