#include "cli/status.h"

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <cstdio>

#include "base/process.h"
#include "bus/admin_client.h"
#include "cli/status_report.h"
#include "cli/up_file.h"

namespace parley {
namespace {

constexpr Duration answer_limit = 2s;
constexpr Duration ask_again_after = 20ms;

std::vector<BrokerAnswer> ask_all(const Endpoints& brokers, Duration limit) {
  std::vector<BrokerAnswer> answers;
  for (const BusEndpoint& broker : brokers)
    answers.push_back({broker.address, ask_status(broker, limit)});
  return answers;
}

int wait_for_peers(const StatusOptions& options, const Endpoints& brokers) {
  const Instant deadline = monotonic_now() + options.wait;
  while (true) {
    const auto missing = missing_peers(ask_all(brokers, 500ms), options.peers);
    if (missing.empty()) return exit_ok;
    if (monotonic_now() > deadline) {
      std::fprintf(stderr, "parley status: not registered with every broker:");
      for (const std::string& name : missing) std::fprintf(stderr, " %s", name.c_str());
      std::fputc('\n', stderr);
      return exit_runtime;
    }
    poll(nullptr, 0, static_cast<int>(to_ms(ask_again_after)));
  }
}

void print_processes(const UpFile& file) {
  std::printf("parley up, process %d, %s; gateways:", file.pid, file.state.c_str());
  for (const std::string& gateway : file.gateways) std::printf(" %s", gateway.c_str());
  std::printf("\n  %-12s%-13s%8s%10s\n", "process", "state", "pid", "restarts");
  for (const UpFile::Process& p : file.processes)
    if (p.pid != 0 || p.restarts != 0)
      std::printf("  %-12s%-13s%8d%10llu\n", p.name.c_str(), p.state.c_str(), p.pid,
                  static_cast<unsigned long long>(p.restarts));
  std::printf("\n");
}

int print_status(const StatusOptions& options, const Endpoints& brokers) {
  const auto answers = ask_all(brokers, answer_limit);
  std::fputs((options.json ? status_json(answers) : status_table(answers)).c_str(), stdout);
  return std::all_of(answers.begin(), answers.end(),
                     [](const BrokerAnswer& answer) { return answer.status.has_value(); })
             ? exit_ok
             : exit_runtime;
}

int run_with(const StatusOptions& options, const std::vector<std::string>& brokers) {
  const auto endpoints = load_bus_endpoints(
      {.brokers = brokers, .key_file = options.key_file, .tcp_without_keys = true});
  if (!endpoints) {
    std::fprintf(stderr, "parley status: %s\n", endpoints.error().detail.c_str());
    return exit_config;
  }
  return options.wait > Duration::zero() ? wait_for_peers(options, *endpoints)
                                         : print_status(options, *endpoints);
}

}  // namespace

int run_status(const StatusOptions& options) {
  if (!options.brokers.empty()) return run_with(options, options.brokers);
  const auto file = read_up_file(options.data);
  // A killed `parley up` could not say goodbye.
  const bool runs = file && file->pid != 0 && kill(file->pid, 0) == 0;
  if (!runs) {
    std::fprintf(stderr, "parley status: %s\n",
                 file ? ("nothing runs in " + options.data).c_str() : file.error().detail.c_str());
    return exit_runtime;
  }
  if (!options.json) print_processes(*file);
  return run_with(options, file->brokers);
}

}  // namespace parley
