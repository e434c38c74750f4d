#include "cli/verify/watcher.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "cli/up_file.h"

namespace parley::verify {
namespace {

void note(History& history, const std::string& process, const std::string& name,
          std::uint64_t value, std::uint64_t limit = 0) {
  history.add(monotonic_now(), process,
              Gauge{.name = name,
                    .value = static_cast<std::int64_t>(value),
                    .limit = static_cast<std::int64_t>(limit)});
}

// What clients ask for; the bus's own upkeep (routes) is no answer to them.
bool serves_clients(const std::string& service) { return service == "c2c" || service == "login"; }

void note_status(const wire::BrokerStatus& status, History& history) {
  std::uint64_t requests = 0;
  for (const auto& service : status.services())
    if (serves_clients(service.name())) requests += service.requests() + service.redelivered();
  note(history, status.name(), "bus_requests", requests);
  for (const auto& peer : status.peers()) {
    if (peer.credit_messages() > 0)
      note(history, status.name(), "outstanding at " + peer.name(), peer.outstanding_messages(),
           peer.credit_messages());
    if (peer.delivery_messages() > 0)
      note(history, status.name(), "undelivered to " + peer.name(), peer.undelivered_messages(),
           peer.delivery_messages());
  }
}

std::uint64_t resident_bytes(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  file >> total >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::uint64_t open_files(int pid) {
  std::error_code error;
  const std::filesystem::directory_iterator files("/proc/" + std::to_string(pid) + "/fd", error);
  return error ? 0 : static_cast<std::uint64_t>(std::distance(begin(files), end(files)));
}

bool is_ours(const std::string& process) {
  return process.starts_with("gateway-") || process.starts_with("worker-") ||
         process.starts_with("broker-");
}

std::vector<std::pair<std::string, int>> processes_of(const std::string& data) {
  std::vector<std::pair<std::string, int>> processes;
  if (const auto file = read_up_file(data))
    for (const UpFile::Process& process : file->processes)
      if (process.pid > 0) processes.emplace_back(process.name, process.pid);
  return processes;
}

}  // namespace

Result<Watcher> Watcher::open(const std::string& data) {
  PARLEY_TRY(const UpFile file, read_up_file(data));
  return open(file.brokers, [data] { return processes_of(data); });
}

Result<Watcher> Watcher::open(const std::vector<std::string>& brokers, Processes processes) {
  PARLEY_TRY(Endpoints endpoints, load_bus_endpoints({.brokers = brokers,
                                                      .key_file = {},
                                                      .tcp_without_keys = true}));
  return Watcher(std::move(endpoints), std::move(processes));
}

void Watcher::look_at_brokers(History& history) const {
  for (const auto& status : ask_status(brokers_, answer_limit))
    if (status) note_status(*status, history);
}

void Watcher::look_at_processes(History& history) const {
  for (const auto& [name, pid] : processes_()) {
    if (!is_ours(name)) continue;
    const std::string life = name + ", process " + std::to_string(pid);
    note(history, life, "rss_bytes", resident_bytes(pid));
    note(history, life, "fds", open_files(pid));
  }
}

void Watcher::look_at_attempts(const std::vector<UserId>& users, History& history) const {
  std::map<std::uint64_t, std::uint64_t> most;
  for (const UserId user : users) {
    wire::TraceQuery query;
    query.set_user(user.value);
    for (const auto& replies : ask_trace(brokers_, query, answer_limit)) {
      if (!replies) continue;
      for (const wire::TraceAnswer& answer : replies->answers)
        for (const auto& event : answer.events()) {
          std::uint64_t& attempt = most[event.trace()];
          attempt = std::max<std::uint64_t>(attempt, event.attempt());
        }
    }
  }
  for (const auto& [request, attempt] : most)
    history.add(monotonic_now(), "bus", Attempted{.request = request, .attempt = attempt});
}

}  // namespace parley::verify
