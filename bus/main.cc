// parley-broker: passes requests from gateways to workers and answers back. Keeps nothing on disk.
#include <cstdio>

#include "base/config.h"
#include "base/log.h"
#include "base/process.h"
#include "base/random.h"
#include "bus/broker_process.h"
#include "bus/flight_log.h"
#include "proto/protobuf_log.h"

// Read by jemalloc. Two threads do nearly all that is allocated: the loop's and ZeroMQ's.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "narenas:2";
}

namespace {

using namespace parley;

struct Settings {
  BrokerProcessOptions process;
  bool ipc_group = false;
  std::string key_file;
  std::string allowed_keys;
  bool tcp_without_keys = false;
  std::uint64_t queue_messages = 20'000;
  std::uint64_t queue_mib = 64;
  std::uint64_t held_messages = 200'000;
  std::uint64_t held_mib = 512;
  std::uint64_t peers = 1'024;
  std::uint64_t gateway_messages = 50'000;
  RoleRates rates;
  std::uint64_t drain_s = 10;
  std::string metrics_listen;
};

// `what`: "Requests of one gateway".
void declare_rate(Config& config, const std::string& name, const std::string& what, Rate& rate) {
  constexpr std::uint64_t most = 100'000'000;
  config.number("rates." + name + "_per_second", &rate.count, 0, most, what + "; 0: no limit.");
  config.number("rates." + name + "_burst", &rate.burst, 1, most, "The same, at once.");
}

void declare_rates(Config& config, RoleRates& rates) {
  declare_rate(config, "gateway", "Requests with one gateway's key; more get retry_later",
               rates.gateway);
  declare_rate(config, "worker", "Deliveries with one worker's key; more are dropped",
               rates.worker);
  declare_rate(config, "business",
               "Requests with one business system's key; more get rate_limited", rates.business);
  declare_rate(config, "admin", "Questions with one operator's key; more get rate_limited",
               rates.admin);
  declare_rate(config, "registrations", "Registrations with one key; more get rate_limited",
               rates.registrations);
}

void declare(Config& config, Settings& s) {
  s.process.gateways = {"ipc:///run/parley/broker-1.gateways"};
  s.process.workers = {"ipc:///run/parley/broker-1.workers"};
  config.text("broker.name", &s.process.broker.name, "Lasting name, unique among brokers.");
  config.list("broker.gateways", &s.process.gateways, "Endpoints to bind for gateways.");
  config.list("broker.workers", &s.process.workers, "Endpoints to bind for workers.");
  config.flag("broker.ipc_group", &s.ipc_group,
              "Whether the group, too, may connect to ipc:// endpoints (mode 0660, else 0600).");
  config.text("broker.key_file", &s.key_file,
              "Our pair of keys (mode 0600; parley key bus): tcp:// endpoints are encrypted.");
  config.text("broker.allowed_keys", &s.allowed_keys,
              "File of the peers' public keys (parley key allow); read again when it changes.");
  config.flag("broker.tcp_without_keys", &s.tcp_without_keys,
              "Whether tcp:// endpoints may be bound without keys: in clear, open to everybody.");
  config.number("broker.queue_messages", &s.queue_messages, 1, 10'000'000,
                "Requests waiting per service; more are refused with retry_later.");
  config.number("broker.queue_mib", &s.queue_mib, 1, 65'536, "Their size, likewise.");
  config.number("broker.held_messages", &s.held_messages, 1, 10'000'000,
                "Requests waiting or unanswered in all; more are refused with retry_later.");
  config.number("broker.held_mib", &s.held_mib, 1, 65'536, "Their size, likewise.");
  config.number("broker.peers", &s.peers, 2, 5'000, "Gateways and workers; more are refused.");
  config.number("broker.gateway_messages", &s.gateway_messages, 100, 10'000'000,
                "Messages waiting for one gateway that does not read; more are dropped.");
  config.number("broker.drain_s", &s.drain_s, 0, 3'600,
                "How long a stopping broker finishes what it holds, in seconds.");
  declare_rates(config, s.rates);
  config.text("metrics.listen", &s.metrics_listen,
              "Address for Prometheus, like 127.0.0.1:9101; empty: none.");
}

BrokerProcessOptions options_from(const Settings& s) {
  BrokerProcessOptions options = s.process;
  options.ipc_mode = s.ipc_group ? 0660 : 0600;
  options.plain_tcp = s.tcp_without_keys ? PlainTcp::allowed : PlainTcp::refused;
  options.gateway_messages_max = static_cast<int>(s.gateway_messages);
  options.drain_limit = std::chrono::seconds(s.drain_s);
  options.broker.wall_clock_us = wall_clock_us;
  options.broker.boot = BootId{secure_random_id()};
  options.broker.random_number = secure_random_id;
  options.broker.queue_messages_max = s.queue_messages;
  options.broker.queue_bytes_max = s.queue_mib << 20;
  options.broker.held_messages_max = s.held_messages;
  options.broker.held_bytes_max = s.held_mib << 20;
  options.broker.peers_max = s.peers;
  options.broker.rates = s.rates;
  return options;
}

Result<std::optional<BrokerKeys>> keys_from(const Settings& s) {
  if (s.key_file.empty() != s.allowed_keys.empty())
    return fail(Errc::config, "broker.key_file and broker.allowed_keys go together");
  if (s.key_file.empty()) return std::nullopt;
  PARLEY_TRY(CurveKeyPair own, load_key_pair(s.key_file));
  return BrokerKeys{std::move(own), s.allowed_keys};
}

int complain(const Error& error) {
  std::fprintf(stderr, "parley-broker: %s\n", error.detail.c_str());
  return error.code == Errc::config ? exit_config : exit_runtime;
}

int run(const Settings& settings) {
  silence_protobuf();
  BrokerProcessOptions options = options_from(settings);
  auto keys = keys_from(settings);
  if (!keys) return complain(keys.error());
  options.keys = *std::move(keys);
  Loop loop;
  Metrics metrics;
  auto broker = BrokerProcess::start(loop, std::move(options), metrics);
  if (!broker) return complain(broker.error());
  if (!settings.metrics_listen.empty()) {
    if (const Status status = metrics.expose(settings.metrics_listen); !status)
      return complain(status.error());
  }
  log::info("broker.ready", {{"name", settings.process.broker.name}});
  const TerminationSignal stop(loop, [&] { (*broker)->drain(); });
  const ReloadSignal reload(loop, [&] { (*broker)->reload_keys(); });
  loop.run();
  return exit_ok;
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  Config config;
  declare(config, settings);
  return run_process(argc, argv,
                     {.name = "parley-broker",
                      .purpose = "Passes requests from gateways to workers, and answers back."},
                     config, nullptr, [&] { return run(settings); });
}
