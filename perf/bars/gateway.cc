// Bar 4: a ping through the encrypted channel, held against the same bytes echoed by libuv alone.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "client/address.h"
#include "perf/bars/bars.h"
#include "perf/bars/pairs.h"
#include "perf/bars/private_cluster.h"
#include "perf/cpu_time.h"
#include "perf/load/accounts.h"
#include "perf/load/options.h"
#include "perf/raw/echo.h"
#include "perf/raw/echo_client.h"

namespace parley::perf {
namespace {

constexpr Bar echo_bar{"gateway.echo", 0.65, Better::higher, 0.75, "echoes/s"};

}  // namespace

Result<Outcome> bench_gateway(const BenchOptions& options) {
  PARLEY_TRY(const PrivateCluster cluster, PrivateCluster::start(options.cluster));
  PARLEY_TRY(const client::Endpoint endpoint, client::parse_endpoint(cluster.gateway()));
  PARLEY_TRY(const PinnedKey pin, client::parse_pin(cluster.pin()));
  const EchoLoad load{.length = LoadOptions::to_duration(options.seconds)};
  PARLEY_TRY(const auto server, EchoServer::start());
  const SocketAddress gateway{.host = endpoint.host, .port = endpoint.port};
  const SocketAddress plain{.port = server->port()};

  const double cpu_before = cpu_seconds(cluster.pid("gateway-1"));
  double echoes = 0;
  const auto encrypted_echo = [&]() -> Result<double> {
    // New users each time: a login replaces the token that it was made with.
    PARLEY_TRY(const auto accounts, make_accounts(cluster.database(), load.connections));
    PARLEY_TRY(const double rate, gateway_echo(gateway, pin, accounts, load));
    echoes += rate * (options.seconds + 0.5);
    return rate;
  };
  const auto raw_echo = [&] { return plain_echo(plain, load); };
  PARLEY_TRY(const auto pairs, measure_pairs(options.pairs, encrypted_echo, raw_echo));
  const double cpu = cpu_seconds(cluster.pid("gateway-1")) - cpu_before;
  PARLEY_TRY(const auto control, measure_pairs(options.controls, raw_echo, raw_echo));

  const nlohmann::json details{{"connections", load.connections},
                               {"in_flight_each", load.window},
                               {"record_bytes", ping_record_bytes},
                               {"gateway_cpu_us_per_echo", cpu / echoes * 1e6}};
  std::printf("%s\n", bar_json(echo_bar, pairs, control, details.dump()).c_str());
  return echo_bar.met_by(median_ratio(pairs)) ? Outcome::met : Outcome::missed;
}

}  // namespace parley::perf
