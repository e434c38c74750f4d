#include "perf/load/shares.h"

#include <poll.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "base/random.h"
#include "client/address.h"
#include "perf/child.h"
#include "perf/cpu_time.h"
#include "perf/load/accounts.h"
#include "perf/load/share.h"

namespace parley::perf {
namespace {

constexpr Duration connect_limit = 120s;

// A line each way: the child says "ready", the parent when to begin, the child its tally or
// "error: …".
struct Plan {
  const LoadOptions& options;
  SocketAddress gateway;
  PinnedKey pin;
  std::uint64_t run;
};

std::string run_child(const Plan& plan, std::span<const LoadAccount> accounts, Child& parent) {
  LoadShare share(plan.options, plan.gateway, plan.pin, accounts, plan.run);
  if (auto connected = share.connect(connect_limit); !connected)
    return "error: " + std::string(name_of(connected.error().code)) + ": " +
           connected.error().detail;
  parent.write_line("ready");
  const std::string begin = parent.read_line();
  std::int64_t ns = 0;
  std::from_chars(begin.data(), begin.data() + begin.size(), ns);
  if (ns == 0) return "error: told to give up";
  share.run(Instant{Duration{ns}});
  auto tally = share.finish();
  return tally ? tally->to_json() : "error: " + tally.error().detail;
}

// Accounts dealt in whole pairs.
std::vector<std::span<const LoadAccount>> deal(std::span<const LoadAccount> accounts,
                                               unsigned hands) {
  std::vector<std::span<const LoadAccount>> dealt;
  const std::size_t pairs = accounts.size() / 2;
  for (unsigned i = 0; i < hands; ++i) {
    const std::size_t from = pairs * i / hands;
    const std::size_t to = pairs * (i + 1) / hands;
    dealt.push_back(accounts.subspan(2 * from, 2 * (to - from)));
  }
  return dealt;
}

std::map<std::string, double> watched_cpu(const LoadOptions& options) {
  std::map<std::string, double> seconds;
  for (const std::string& watched : options.watched) {
    const auto equals = watched.find('=');
    pid_t pid = 0;
    std::from_chars(watched.data() + equals + 1, watched.data() + watched.size(), pid);
    seconds[watched.substr(0, equals)] += cpu_seconds(pid);
  }
  return seconds;
}

void wait_until(Instant moment) {
  for (Instant now = monotonic_now(); now < moment; now = monotonic_now())
    poll(nullptr, 0, static_cast<int>(to_ms(moment - now)) + 1);
}

std::map<std::string, double> watch(const LoadOptions& options, Instant begin) {
  wait_until(begin + options.warmup());
  const auto before = watched_cpu(options);
  wait_until(begin + options.warmup() + options.length());
  auto used = watched_cpu(options);
  for (auto& [name, seconds] : used) seconds -= before.at(name);
  return used;
}

Result<LoadReport> direct(std::vector<Child>& children, const LoadOptions& options) {
  std::optional<std::string> failure;
  for (Child& child : children)
    if (const std::string line = child.read_line(); line != "ready") failure = line;
  const Instant begin = monotonic_now() + 200ms;
  for (Child& child : children)
    child.write_line(failure ? "0" : std::to_string(begin.time_since_epoch().count()));
  if (failure) return fail(Errc::io, *failure);
  LoadReport report;
  report.cpu_seconds = watch(options, begin);
  for (Child& child : children) {
    const std::string line = child.read_line();
    if (!line.starts_with('{')) return fail(Errc::io, line.empty() ? "a load process died" : line);
    report.tally.add(Tally::from_json(line));
  }
  return report;
}

}  // namespace

Result<LoadReport> run_load(const LoadOptions& options) {
  PARLEY_TRY(const client::Endpoint gateway, client::parse_endpoint(options.gateway));
  PARLEY_TRY(const PinnedKey pin, client::parse_pin(options.pin));
  PARLEY_TRY(const auto accounts, make_accounts(options.database, std::size_t{2} * options.pairs));
  const Plan plan{options, {.host = gateway.host, .port = gateway.port}, pin, secure_random_id()};
  std::vector<Child> children;
  for (const auto hand : deal(accounts, options.processes))
    children.push_back(Child::start([&](Child& parent) { return run_child(plan, hand, parent); }));
  return direct(children, options);
}

std::string to_json(const LoadOptions& options, const LoadReport& report) {
  using Json = nlohmann::json;
  const Tally& t = report.tally;
  const auto messages = static_cast<double>(std::max<std::uint64_t>(t.acked_in_window, 1));
  Json cpu{{"load", t.cpu_seconds / messages * 1e6}};
  for (const auto& [name, seconds] : report.cpu_seconds) cpu[name] = seconds / messages * 1e6;
  return Json{
      {"ok", t.clean()},
      {"clients", t.clients},
      {"seconds", options.seconds},
      {"messages_per_second", static_cast<double>(t.acked_in_window) / options.seconds},
      {"ack_us", Json::parse(quantiles_json(t.ack))},
      {"delivery_us", Json::parse(quantiles_json(t.delivery))},
      {"cpu_us_per_message", cpu},
      {"sent", t.sent},
      {"acked", t.acked},
      {"refused", t.refused},
      {"unanswered", t.unanswered},
      {"acks_misordered", t.acks_misordered},
      {"delivered", t.delivered},
      {"duplicates", t.duplicates},
      {"misordered", t.misordered},
      {"missing", t.missing},
      {"lost_connections", t.lost_connections},
      {"rows",
       {{"expected", t.rows_expected}, {"found", t.rows_found}, {"foreign", t.rows_foreign}}}}
      .dump();
}

}  // namespace parley::perf
