// parley-load: many clients that write to each other, and count. Prints one JSON object. Exit
// codes: 0 everything sent was acknowledged, stored and delivered once and in order; 1 it was not;
// 2 usage.

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <map>

#include "base/process.h"
#include "perf/load/shares.h"
#include "proto/channel.h"

namespace parley::perf {
namespace {

void declare_target(CLI::App& app, LoadOptions& options) {
  app.add_option("--gateway", options.gateway, "ADDRESS:PORT")->capture_default_str();
  app.add_option("--pin", options.pin, "The server's key: <key id>:<64 hexadecimal digits>")
      ->required();
  app.add_option("--database", options.database, "libpq connection string, role parley_app")
      ->required();
  app.add_option("--watch", options.watched,
                 "NAME=PID: report its processor time; may be repeated");
}

void declare_load(CLI::App& app, LoadOptions& options) {
  const std::map<std::string, LoadMode> modes{
      {"closed", LoadMode::closed}, {"open", LoadMode::open}, {"idle", LoadMode::idle}};
  app.add_option(
         "--mode", options.mode,
         "closed: each client keeps --window messages unanswered; open: --rate messages per "
         "second whatever the answers do; idle: connected and silent")
      ->transform(CLI::CheckedTransformer(modes));
  const auto number = [&](const char* name, auto& value, auto least, auto most, const char* text) {
    app.add_option(name, value, text)->capture_default_str()->check(CLI::Range(least, most));
  };
  number("--pairs", options.pairs, 1u, 100'000u, "Pairs of clients that write to each other");
  number("--processes", options.processes, 1u, 64u, "Over which the clients are spread");
  number("--sources", options.sources, 1u, 254u, "Local addresses 127.0.0.1 … to connect from");
  number("--window", options.window, 1u, 1'024u, "Unanswered messages of one client");
  number("--rate", options.rate, 0.1, 1e7, "Messages per second of all clients");
  number("--bytes", options.body_bytes, 16u, 16'384u, "Of a message's body");
  number("--warmup", options.warmup_seconds, 0.0, 3'600.0, "Seconds that are not measured");
  number("--seconds", options.seconds, 0.1, 86'400.0, "Seconds that are");
  number("--receipts", options.receipt_seconds, 0.0, 3'600.0,
         "Seconds between two receipts of a client; 0: none");
  app.add_flag("--one-way", options.one_way, "Only the first of each pair writes");
}

int run(int argc, char** argv) {
  LoadOptions options;
  CLI::App app{"Load for a Parley, and an account of what became of it", "parley-load"};
  declare_target(app, options);
  declare_load(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? exit_ok : exit_usage;
  }
  const auto report = run_load(options);
  if (!report) {
    std::fprintf(stderr, "parley-load: %s\n", report.error().detail.c_str());
    return exit_runtime;
  }
  std::printf("%s\n", to_json(options, *report).c_str());
  return report->tally.clean() ? exit_ok : exit_runtime;
}

}  // namespace
}  // namespace parley::perf

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  parley::init_crypto();
  parley::raise_file_limit();
  return parley::perf::run(argc, argv);
}
