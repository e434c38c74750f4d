// Bar 6: what one more idle, logged-in connection costs the gateway, from its own memory with few
// and with many of them.
#include <poll.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/random.h"
#include "client/address.h"
#include "perf/bars/bars.h"
#include "perf/bars/pairs.h"
#include "perf/bars/private_cluster.h"
#include "perf/cpu_time.h"
#include "perf/load/accounts.h"
#include "perf/load/share.h"

namespace parley::perf {
namespace {

// Both are one side of a pair so that the line looks as every other: measured / baseline = share of
// 1 KiB.
constexpr Bar memory_bar{"idle.memory", 2.0, Better::lower, 1.0, "bytes per connection, of 1024"};
constexpr Duration connect_limit = 120s;
// Below the hard limit of 20,000 files of the gateway, and of this process.
constexpr unsigned few = 2'000;
constexpr unsigned step = 3'000;

class IdleBench {
 public:
  IdleBench(const BenchOptions& options, const PrivateCluster& cluster)
      : options_(options), cluster_(cluster) {
    load_.mode = LoadMode::idle;
    load_.sources = 100;
  }

  Result<Outcome> run() {
    PARLEY_CHECK(more(few));
    double before = memory();
    const double first = before;
    std::vector<Pair> pairs;
    for (unsigned i = 0; i < options_.pairs && connections_ + step < 18'000; ++i) {
      PARLEY_CHECK(more(step));
      const double after = memory();
      pairs.push_back({(after - before) / step, 1024});
      before = after;
    }
    const double slope = (before - first) / static_cast<double>(connections_ - few);
    const nlohmann::json details{
        {"connections", connections_}, {"gateway_bytes", before}, {"slope_bytes", slope}};
    std::printf("%s\n", bar_json(memory_bar, {{slope, 1024}}, pairs, details.dump()).c_str());
    return memory_bar.met_by(slope / 1024) ? Outcome::met : Outcome::missed;
  }

 private:
  Status more(unsigned count) {
    PARLEY_TRY(const client::Endpoint endpoint, client::parse_endpoint(cluster_.gateway()));
    PARLEY_TRY(const PinnedKey pin, client::parse_pin(cluster_.pin()));
    PARLEY_TRY(const auto accounts, make_accounts(cluster_.database(), count));
    shares_.push_back(std::make_unique<LoadShare>(
        load_, SocketAddress{.host = endpoint.host, .port = endpoint.port}, pin, accounts,
        secure_random_id()));
    PARLEY_CHECK(shares_.back()->connect(connect_limit));
    connections_ += count;
    return {};
  }

  // After what logging in has left behind (reports, timers) has settled.
  double memory() const {
    poll(nullptr, 0, 1'500);
    return static_cast<double>(anonymous_bytes(cluster_.pid("gateway-1")));
  }

  const BenchOptions& options_;
  const PrivateCluster& cluster_;
  LoadOptions load_;
  std::vector<std::unique_ptr<LoadShare>> shares_;
  unsigned connections_ = 0;
};

}  // namespace

Result<Outcome> bench_idle(const BenchOptions& options) {
  PARLEY_TRY(const PrivateCluster cluster, PrivateCluster::start(options.cluster));
  return IdleBench(options, cluster).run();
}

}  // namespace parley::perf
