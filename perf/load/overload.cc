#include "perf/load/overload.h"

#include <algorithm>
#include <utility>

#include "base/random.h"
#include "client/address.h"
#include "perf/load/accounts.h"

namespace parley::perf {
namespace {

constexpr Duration connect_limit = 60s;
constexpr Duration settle_limit = 20s;
constexpr Duration second = 1s;
// What is meant to be sent in this time is written together, lest the clients, who share the machine,
// take from the server with their wake-ups what on machines of their own would cost it nothing.
constexpr Duration pace = 10ms;

Duration to_duration(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

struct Overload::Impl {
  explicit Impl(const OverloadOptions& options);
  Status connect();
  Status check() const;
  void turn(Duration limit);

  OverloadOptions options;
  SocketAddress gateway = {};
  PinnedKey pin = {};
  PatientRun run = {};
  SocketLoop loop = {};
  std::vector<std::unique_ptr<PatientClient>> clients = {};
  std::size_t next = 0;  // whose turn it is to write
};

Overload::Impl::Impl(const OverloadOptions& wanted) : options(wanted) {
  run.id = secure_random_id();
  run.window = wanted.window;
  run.outbox_max = wanted.outbox_max;
  run.deadline = wanted.deadline;
}

Status Overload::Impl::connect() {
  PARLEY_TRY(const client::Endpoint endpoint, client::parse_endpoint(options.gateway));
  PARLEY_TRY(pin, client::parse_pin(options.pin));
  PARLEY_TRY(const auto accounts, make_accounts(options.database, std::size_t{2} * options.pairs));
  gateway = {.host = endpoint.host, .port = endpoint.port};
  const Instant limit = monotonic_now() + connect_limit;
  for (std::size_t i = 0; i < accounts.size(); ++i) {
    clients.push_back(std::make_unique<PatientClient>(loop, pin, accounts[i], accounts[i ^ 1].user,
                                                      run));
    PARLEY_CHECK(loop.connect(*clients.back(), gateway));
    while (!clients.back()->is_ready()) {
      PARLEY_CHECK(check());
      if (monotonic_now() > limit) return fail(Errc::io, "the clients did not log in in time");
      loop.turn(10ms);
    }
  }
  return {};
}

Status Overload::Impl::check() const {
  for (const auto& client : clients)
    if (!client->why_lost().empty())
      return fail(Errc::disconnected, std::string(client->why_lost()));
  return {};
}

void Overload::Impl::turn(Duration limit) {
  loop.turn(limit);
  const Instant now = monotonic_now();
  for (const auto& client : clients) client->pump(now);
}

Overload::Overload(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Overload::~Overload() = default;

Result<std::unique_ptr<Overload>> Overload::connect(const OverloadOptions& options) {
  auto impl = std::make_unique<Impl>(options);
  PARLEY_CHECK(impl->connect());
  return std::unique_ptr<Overload>(new Overload(std::move(impl)));
}

PatientCounts Overload::offer(double rate, Duration length, const EachSecond& each_second) {
  Impl& o = *impl_;
  PatientCounts all;
  o.run.counts = {};
  const auto close_second = [&] {
    if (each_second) each_second(o.run.counts);
    all.add(std::exchange(o.run.counts, {}));
  };
  const Instant begin = monotonic_now();
  Instant second_ends = begin + second;
  double offered = 0;
  const auto intended = [&] { return begin + to_duration(offered / rate); };
  Instant next_write = begin;
  for (Instant now = begin; now < begin + length; now = monotonic_now()) {
    if (now < next_write) {
      o.loop.turn(next_write - now);
      continue;
    }
    next_write = now + pace;
    for (Instant at = intended(); at <= now; ++offered, at = intended())
      o.clients[o.next++ % o.clients.size()]->offer(at, now);
    o.turn(Duration::zero());
    if (now < second_ends) continue;
    close_second();
    second_ends += second;
  }
  if (o.run.counts.offered > 0) close_second();
  return all;
}

Result<RowCounts> Overload::finish() {
  Impl& o = *impl_;
  const auto idle = [](const auto& client) { return client->is_idle(); };
  for (const Instant limit = monotonic_now() + settle_limit;
       !std::ranges::all_of(o.clients, idle);) {
    PARLEY_CHECK(o.check());
    if (monotonic_now() > limit) return fail(Errc::io, "messages are still unanswered");
    o.turn(10ms);
  }
  PARLEY_CHECK(o.check());
  std::vector<WrittenConversation> conversations;
  for (std::size_t i = 0; i + 1 < o.clients.size(); i += 2) {
    const PatientClient& a = *o.clients[i];
    const PatientClient& b = *o.clients[i + 1];
    conversations.push_back({a.conversation(), {a.user(), a.acked()}, {b.user(), b.acked()}});
  }
  for (const auto& client : o.clients) client->hang_up(monotonic_now());
  o.loop.turn(Duration::zero());
  PARLEY_TRY(const RowCounts rows, verify_rows(o.options.database, o.run.id, conversations));
  if (rows.found != rows.expected || rows.foreign > 0)
    return fail(Errc::io, std::to_string(rows.expected) + " messages acknowledged, " +
                              std::to_string(rows.found) + " found, " +
                              std::to_string(rows.foreign) + " rows foreign or repeated");
  return rows;
}

}  // namespace parley::perf
