// Bar 3: requests through parley-broker, held against the same frames through zmq_proxy; whether
// peers that could batch let a lone request wait; and what a broker costs that has nothing to do.
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/assert.h"
#include "cli/log_file.h"
#include "cli/spawn.h"
#include "perf/bars/bars.h"
#include "perf/bars/pairs.h"
#include "perf/cpu_time.h"
#include "perf/load/options.h"
#include "perf/raw/bus_echo.h"
#include "perf/raw/lone_request.h"
#include "perf/raw/proxy.h"
#include "perf/temporary_directory.h"

namespace parley::perf {
namespace {

using Json = nlohmann::json;

constexpr Bar idle_bar{"broker.idle_cpu", 2.0, Better::lower, 1.0, "% of a core, of 1"};
constexpr unsigned idle_peers_count = 50;
constexpr Bar latency_bar{"broker.batched.idle_latency", 1.05, Better::lower, 1.0, "us, p50"};

enum class Link { ipc, tcp, tcp_curve };

// One bar against the proxy. Its baseline never packs: zmq_proxy could not unpack.
struct EchoBar {
  Bar bar;
  Link link;
  Packing packing;
  unsigned in_flight;
};

constexpr EchoBar echo_bars[] = {
    {{"broker.ipc", 0.85, Better::higher, 1, "requests/s"}, Link::ipc, Packing::single, 1'000},
    {{"broker.ipc_256", 0.85, Better::higher, 1, "requests/s"}, Link::ipc, Packing::single, 256},
    {{"broker.tcp", 0.85, Better::higher, 1, "requests/s"}, Link::tcp, Packing::single, 1'000},
    {{"broker.tcp_256", 0.85, Better::higher, 1, "requests/s"}, Link::tcp, Packing::single, 256},
    {{"broker.tcp_curve", 0.85, Better::higher, 1, "requests/s"},
     Link::tcp_curve,
     Packing::single,
     1'000},
    {{"broker.batched.ipc", 0.85, Better::higher, 4, "requests/s"},
     Link::ipc,
     Packing::batched,
     1'000},
};

// The kernel gives ports away in turn: nobody else gets these two within the next moments.
BusAddress free_ports() {
  std::array<std::string, 2> endpoints;
  std::array<int, 2> held{};
  for (std::size_t i = 0; i < 2; ++i) {
    held[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    PARLEY_ASSERT(bind(held[i], generic, size) == 0);
    PARLEY_ASSERT(getsockname(held[i], generic, &size) == 0);
    endpoints[i] = "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  for (const int socket : held) close(socket);
  return {endpoints[0], endpoints[1]};
}

Status write(const std::string& path, const std::string& text) {
  const int file = open(path.c_str(), O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);
  const ssize_t written = ::write(file, text.data(), text.size());
  close(file);
  return written == std::ssize(text) ? Status{} : fail(Errc::io, "cannot write " + path);
}

class BrokerBench {
 public:
  BrokerBench(const BenchOptions& options, std::string directory)
      : options_(options), directory_(std::move(directory)) {}

  Result<Outcome> run() {
    bool met = true;
    for (const EchoBar& bar : echo_bars) {
      if (!is_wanted(bar.bar)) continue;
      PARLEY_TRY(const Outcome outcome, echo(bar));
      met = met && outcome == Outcome::met;
    }
    if (is_wanted(latency_bar)) {
      PARLEY_TRY(const Outcome outcome, idle_latency());
      met = met && outcome == Outcome::met;
    }
    if (is_wanted(idle_bar)) {
      PARLEY_TRY(const Outcome outcome, idle());
      met = met && outcome == Outcome::met;
    }
    return met ? Outcome::met : Outcome::missed;
  }

 private:
  // Processor time and answers of one side of a bar, over all its measurements.
  struct Cost {
    double seconds = 0;
    double requests = 0;
    double us() const { return seconds / requests * 1e6; }
  };

  bool is_wanted(const Bar& bar) const {
    return options_.only.empty() || options_.only == bar.name;
  }

  Result<Outcome> echo(const EchoBar& bar) {
    Cost broker;
    Cost proxy;
    const auto through_broker = [&] { return broker_rate(bar, broker); };
    const auto through_proxy = [&] { return proxy_rate(bar, proxy); };
    PARLEY_TRY(const auto pairs, measure_pairs(options_.pairs, through_broker, through_proxy));
    const Json details{{"in_flight", bar.in_flight},
                       {"envelope_bytes", 96 + BusEchoLoad{}.body_bytes},
                       {"broker_cpu_us_per_request", broker.us()},
                       {"proxy_cpu_us_per_request", proxy.us()}};
    PARLEY_TRY(const auto control, measure_pairs(options_.controls, through_proxy, through_proxy));
    return tell(bar.bar, pairs, control, details);
  }

  Result<Outcome> idle_latency() {
    PARLEY_TRY(const auto pairs, lone_pairs(options_.pairs, Packing::batched));
    PARLEY_TRY(const auto control, lone_pairs(options_.controls, Packing::single));
    return tell(latency_bar, pairs, control, {{"in_flight", 1}});
  }

  // Against peers that do not pack, within one measurement each.
  Result<std::vector<Pair>> lone_pairs(unsigned count, Packing packing) const {
    const auto us = [](Duration d) { return std::chrono::duration<double, std::micro>(d).count(); };
    const LoneLoad load{.sides = {packing, Packing::single}, .length = length()};
    std::vector<Pair> pairs;
    for (unsigned i = 0; i < count; ++i) {
      const BusAddress at = address(Link::ipc);
      PARLEY_TRY(const Process broker, start_broker(at));
      const auto p50 = lone_latencies(at, load);
      if (!p50) return fail(Errc::io, p50.error().detail + "\n" + tail_of(log(), 20));
      pairs.push_back({us((*p50)[0]), us((*p50)[1])});
    }
    return pairs;
  }

  Result<Outcome> idle() {
    PARLEY_TRY(const Process broker, start_broker(address(Link::ipc)));
    PARLEY_TRY(const auto peers, idle_peers(address(Link::ipc), idle_peers_count));
    std::vector<Pair> pairs;
    // Of at least 3 s: processor time is counted in steps of 10 ms.
    const double seconds = std::max(3.0, options_.seconds);
    for (unsigned i = 0; i < options_.pairs; ++i) {
      const double before = cpu_seconds(broker.pid());
      poll(nullptr, 0, static_cast<int>(seconds * 1e3));
      pairs.push_back({(cpu_seconds(broker.pid()) - before) / seconds * 100, 1});
    }
    return tell(idle_bar, pairs, {}, {{"peers", idle_peers_count}, {"seconds", seconds}});
  }

  static Result<Outcome> tell(const Bar& bar, const std::vector<Pair>& pairs,
                              const std::vector<Pair>& control, const Json& details) {
    std::printf("%s\n", bar_json(bar, pairs, control, details.dump()).c_str());
    std::fflush(stdout);
    return bar.met_by(median_ratio(pairs)) ? Outcome::met : Outcome::missed;
  }

  BusAddress address(Link link) const {
    if (link != Link::ipc) {
      BusAddress ports = free_ports();
      if (link == Link::tcp_curve) ports.keys = keys_;
      return ports;
    }
    return {"ipc://" + directory_ + "/clients", "ipc://" + directory_ + "/workers"};
  }

  Result<double> broker_rate(const EchoBar& bar, Cost& cost) const {
    const BusAddress at = address(bar.link);
    PARLEY_TRY(const Process broker, start_broker(at));
    auto rate = measure(at, load(bar, Middle::broker), broker.pid(), cost);
    if (!rate) return fail(Errc::io, rate.error().detail + "\n" + tail_of(log(), 20));
    return rate;
  }

  Result<double> proxy_rate(const EchoBar& bar, Cost& cost) const {
    const BusAddress at = address(bar.link);
    PARLEY_TRY(const Proxy proxy, Proxy::start(at));
    return measure(at, load(bar, Middle::proxy), proxy.pid(), cost);
  }

  BusEchoLoad load(const EchoBar& bar, Middle middle) const {
    return {.middle = middle,
            .packing = middle == Middle::proxy ? Packing::single : bar.packing,
            .in_flight = bar.in_flight,
            .warmup = std::min<Duration>(500ms, length()),
            .length = length()};
  }

  Result<double> measure(const BusAddress& at, const BusEchoLoad& load, pid_t middle,
                         Cost& cost) const {
    PARLEY_TRY(const BusEchoes echoes, bus_echo(at, load));
    cost.seconds += cpu_seconds(middle);
    cost.requests += static_cast<double>(echoes.all);
    return static_cast<double>(echoes.measured) / options_.seconds;
  }

  Result<Process> start_broker(const BusAddress& at) const {
    Program program{.arguments = {options_.cluster.programs + "/parley-broker"},
                    .environment = {"PARLEY_BROKER_GATEWAYS=" + at.clients,
                                    "PARLEY_BROKER_WORKERS=" + at.workers,
                                    "PARLEY_RATES_GATEWAY_PER_SECOND=0"}};
    if (at.keys) {
      PARLEY_CHECK(write(key_file(), print_key_pair(at.keys->middle)));
      PARLEY_CHECK(write(allowed_keys(), "gateway echo-client-* " + at.keys->clients.public_key +
                                             "\nworker echo-worker-* " +
                                             at.keys->workers.public_key + "\n"));
      program.environment.push_back("PARLEY_BROKER_KEY_FILE=" + key_file());
      program.environment.push_back("PARLEY_BROKER_ALLOWED_KEYS=" + allowed_keys());
    } else {
      program.environment.emplace_back("PARLEY_BROKER_TCP_WITHOUT_KEYS=true");
    }
    const int output = open(log().c_str(), O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);
    auto broker = Process::start(program, {.output = output});
    close(output);
    return broker;
  }

  Duration length() const { return LoadOptions::to_duration(options_.seconds); }
  std::string key_file() const { return directory_ + "/broker.key"; }
  std::string allowed_keys() const { return directory_ + "/allowed.keys"; }
  std::string log() const { return directory_ + "/broker.log"; }

  const BenchOptions& options_;
  std::string directory_;
  const BusKeys keys_{make_curve_key_pair(), make_curve_key_pair(), make_curve_key_pair()};
};

}  // namespace

Result<Outcome> bench_broker(const BenchOptions& options) {
  PARLEY_TRY(const TemporaryDirectory directory, TemporaryDirectory::make());
  return BrokerBench(options, directory.path()).run();
}

}  // namespace parley::perf
