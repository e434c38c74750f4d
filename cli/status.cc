#include "cli/status.h"

#include <poll.h>

#include <algorithm>
#include <cstdio>

#include "base/process.h"
#include "cli/up_file.h"

namespace parley {
namespace {

constexpr Duration answer_limit = 2s;
constexpr Duration ask_again_after = 20ms;

int wait_for_peers(const Endpoints& brokers, const StatusOptions& options) {
  const Instant deadline = monotonic_now() + options.wait;
  while (true) {
    const auto missing = missing_peers(ask_brokers(brokers, 500ms), options.peers);
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

int print_status(const Endpoints& brokers, const StatusOptions& options) {
  const auto answers = ask_brokers(brokers, answer_limit);
  std::fputs((options.json ? status_json(answers) : status_table(answers)).c_str(), stdout);
  return std::all_of(answers.begin(), answers.end(),
                     [](const BrokerAnswer& answer) { return answer.status.has_value(); })
             ? exit_ok
             : exit_runtime;
}

}  // namespace

std::vector<BrokerAnswer> ask_brokers(const Endpoints& endpoints, Duration limit) {
  auto statuses = ask_status(endpoints, limit);
  std::vector<BrokerAnswer> answers;
  for (std::size_t i = 0; i < endpoints.size(); ++i)
    answers.push_back({endpoints[i].address, std::move(statuses[i])});
  return answers;
}

int run_status(const StatusOptions& options) {
  const auto brokers = brokers_of(options.who);
  if (!brokers) return complain("status", brokers.error());
  if (options.wait > Duration::zero()) return wait_for_peers(*brokers, options);
  if (!options.json && options.who.brokers.empty())
    if (const auto file = read_up_file(options.who.data)) print_processes(*file);
  return print_status(*brokers, options);
}

}  // namespace parley
