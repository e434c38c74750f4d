// parley-bench: measures a bar of the design. Exit codes: 0 met, 1 missed, or something was lost, 2
// usage.

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <filesystem>

#include "base/process.h"
#include "perf/bars/bars.h"
#include "proto/channel.h"

namespace parley::perf {
namespace {

struct Bench {
  const char* name;
  const char* purpose;
  Result<Outcome> (*run)(const BenchOptions& options);
};

constexpr Bench benches[] = {
    {"broker", "Bar 3: a request through the broker, held against zmq_proxy", bench_broker},
    {"c2c", "Bars 1 and 2: durable messages, held against PostgreSQL alone", bench_c2c},
    {"gateway", "Bar 4: an encrypted echo, held against a plain one", bench_gateway},
    {"idle", "Bar 6: memory of an idle connection", bench_idle},
    {"overload", "Bar 9: twice as much as the whole can do", bench_overload},
};

int run(int argc, char** argv) {
  BenchOptions options;
  options.cluster.programs = std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
  CLI::App app{"The bars that Parley's speed is held to", "bench"};
  app.require_subcommand(1);
  const Bench* chosen = nullptr;
  for (const Bench& bench : benches) {
    CLI::App& sub = *app.add_subcommand(bench.name, bench.purpose);
    // There is no other format; the flag says so where it is called.
    sub.add_flag_callback(
        "--json", [] {}, "One JSON object per bar");
    sub.add_option("--pairs", options.pairs)->capture_default_str()->check(CLI::Range(1u, 1'000u));
    sub.add_option("--controls", options.controls)
        ->capture_default_str()
        ->check(CLI::Range(1u, 1'000u));
    sub.add_option("--seconds", options.seconds, "Of each measurement")
        ->capture_default_str()
        ->check(CLI::Range(0.2, 3'600.0));
    sub.add_option("--only", options.only, "Measure just this bar, like c2c.idle_ack");
    sub.add_option("--brokers", options.cluster.brokers)
        ->capture_default_str()
        ->check(CLI::Range(1u, 64u));
    sub.add_option("--workers", options.cluster.workers)
        ->capture_default_str()
        ->check(CLI::Range(1u, 64u));
    sub.callback([&chosen, &bench] { chosen = &bench; });
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? exit_ok : exit_usage;
  }
  const auto outcome = chosen->run(options);
  if (!outcome)
    std::fprintf(stderr, "bench %s: %s\n", chosen->name, outcome.error().detail.c_str());
  return outcome && *outcome == Outcome::met ? exit_ok : exit_runtime;
}

}  // namespace

}  // namespace parley::perf

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  parley::init_crypto();
  parley::raise_file_limit();
  return parley::perf::run(argc, argv);
}
