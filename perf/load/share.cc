#include "perf/load/share.h"

#include <algorithm>

#include "perf/cpu_time.h"
#include "perf/load/verify.h"

namespace parley::perf {

LoadShare::LoadShare(const LoadOptions& options, const SocketAddress& gateway, const PinnedKey& pin,
                     std::span<const LoadAccount> accounts, std::uint64_t run)
    : options_(options), gateway_(gateway), pin_(pin) {
  run_.id = run;
  run_.body_bytes = options.body_bytes;
  run_.window = options.window;
  run_.closed_loop = options.mode == LoadMode::closed;
  for (std::size_t i = 0; i < accounts.size(); ++i)
    clients_.push_back(
        std::make_unique<LoadClient>(loop_, pin_, accounts[i], accounts[i ^ 1].user, run_));
}

std::size_t LoadShare::count_ready() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(clients_, [](const auto& client) { return client->is_ready(); }));
}

// Opens the next connections; false: one that was opened is lost.
bool LoadShare::start_connecting() {
  std::size_t open = 0;
  for (std::size_t i = 0; i < begun_; ++i) {
    if (!clients_[i]->why_lost().empty()) return false;
    if (!clients_[i]->is_ready()) ++open;
  }
  for (; begun_ < clients_.size() && open < connecting_max; ++begun_, ++open) {
    SocketAddress address = gateway_;
    if (options_.sources > 1)
      address.from = "127.0.0." + std::to_string(1 + begun_ % options_.sources);
    if (!loop_.connect(*clients_[begun_], address)) return false;
  }
  return true;
}

Status LoadShare::connect(Duration limit) {
  const Instant deadline = monotonic_now() + limit;
  while (count_ready() < clients_.size()) {
    if (monotonic_now() > deadline)
      return fail(Errc::io,
                  std::to_string(count_ready()) + " clients logged in before the time was up");
    if (!start_connecting()) {
      for (const auto& client : clients_)
        if (!client->why_lost().empty())
          return fail(Errc::disconnected, std::string(client->why_lost()));
      return fail(Errc::io, "no connection could be opened");
    }
    loop_.turn(20ms);
  }
  run_.tally.clients = clients_.size();
  return {};
}

void LoadShare::run(Instant begin) {
  run_.measured_from = begin + options_.warmup();
  run_.until = run_.measured_from + options_.length();
  next_receipts_ = begin;
  next_pings_ = monotonic_now() + 20s;
  while (monotonic_now() < begin) loop_.turn(1ms);
  double cpu = -1;
  if (options_.mode == LoadMode::closed)
    for (std::size_t i = 0; i < clients_.size(); i += options_.one_way ? 2 : 1)
      if (clients_[i]->is_ready()) clients_[i]->begin(monotonic_now());
  for (Instant now = monotonic_now(); now < run_.until; now = monotonic_now()) {
    if (cpu < 0 && now >= run_.measured_from) cpu = own_cpu_seconds();
    if (options_.mode == LoadMode::open) turn_open(begin);
    loop_.turn(until_next(now));
    send_receipts(now);
    keep_alive(now);
  }
  run_.tally.cpu_seconds = own_cpu_seconds() - std::max(cpu, 0.0);
  const Instant give_up = monotonic_now() + settle_limit;
  while (!has_settled() && monotonic_now() < give_up) loop_.turn(10ms);
}

// Messages are meant to be sent at equal distances, by one client after the other, whatever the
// answers do: a server that stalls is charged for everybody who would have written meanwhile.
void LoadShare::turn_open(Instant begin) {
  const double rate = options_.rate / options_.processes;
  const Instant now = monotonic_now();
  for (;; ++intended_) {
    const Instant at = begin + LoadOptions::to_duration(static_cast<double>(intended_) / rate);
    if (at > now || at >= run_.until) return;
    const std::uint64_t turn = options_.one_way ? 2 * intended_ : intended_;
    LoadClient& client = *clients_[turn % clients_.size()];
    if (client.is_ready()) client.intend(at, now);
  }
}

Duration LoadShare::until_next(Instant now) const {
  Duration wait = std::min<Duration>(run_.until - now, 10ms);
  if (options_.mode == LoadMode::open) {
    const double rate = options_.rate / options_.processes;
    const Instant begin = run_.measured_from - options_.warmup();
    const Instant at = begin + LoadOptions::to_duration(static_cast<double>(intended_) / rate);
    wait = std::min<Duration>(wait, at - now);
  }
  return wait;
}

void LoadShare::send_receipts(Instant now) {
  if (options_.receipt_seconds <= 0 || now < next_receipts_) return;
  next_receipts_ = now + LoadOptions::to_duration(options_.receipt_seconds);
  for (const auto& client : clients_) client->send_receipt(now);
}

void LoadShare::keep_alive(Instant now) {
  if (now < next_pings_) return;
  next_pings_ = now + 20s;
  for (const auto& client : clients_)
    if (client->is_ready()) client->ping(now);
}

bool LoadShare::has_settled() const {
  std::uint64_t acked = 0;
  std::uint64_t delivered = 0;
  for (const auto& client : clients_) {
    if (client->is_ready() && (client->in_flight() > 0 || client->has_backlog())) return false;
    acked += client->acked_count();
    delivered += client->delivered_count();
  }
  return delivered >= acked;
}

Result<Tally> LoadShare::finish() {
  std::vector<WrittenConversation> conversations;
  for (std::size_t i = 0; i + 1 < clients_.size(); i += 2) {
    const LoadClient& a = *clients_[i];
    const LoadClient& b = *clients_[i + 1];
    conversations.push_back(
        {a.conversation(), {a.user(), a.acked()}, {b.user(), b.acked()}});
    const std::uint64_t acked = a.acked_count() + b.acked_count();
    const std::uint64_t delivered = a.delivered_count() + b.delivered_count();
    if (delivered < acked) run_.tally.missing += acked - delivered;
    run_.tally.unanswered += a.in_flight() + b.in_flight();
  }
  for (const auto& client : clients_) {
    if (!client->why_lost().empty()) ++run_.tally.lost_connections;
    client->hang_up(monotonic_now());
  }
  loop_.turn(Duration::zero());
  if (options_.mode == LoadMode::idle) return run_.tally;
  PARLEY_TRY(const RowCounts rows, verify_rows(options_.database, run_.id, conversations));
  run_.tally.rows_expected = rows.expected;
  run_.tally.rows_found = rows.found;
  run_.tally.rows_foreign = rows.foreign + rows.unacked;  // it never writes again what was refused
  return run_.tally;
}

}  // namespace parley::perf
