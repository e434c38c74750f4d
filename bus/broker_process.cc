#include "bus/broker_process.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/failpoint.h"
#include "base/log.h"
#include "base/random.h"
#include "bus/batch.h"
#include "bus/broker.h"
#include "bus/broker_log.h"
#include "bus/counter_feed.h"
#include "bus/gatekeeper.h"
#include "bus/status_metrics.h"
#include "bus/uv_socket.h"

namespace parley {
namespace {

constexpr Duration tick_every = 100ms;
constexpr Duration status_every = 1s;  // in the metrics
constexpr std::size_t budget = 128;          // messages (of up to batch_bytes) per turn and socket
constexpr std::size_t backlog_max = 50'000;  // read before a death is believed, per socket
constexpr std::size_t backlog_slice = 512;     // of one socket, before the next one's turn
constexpr Duration backlog_time_max = 250ms;
constexpr std::size_t output_max = 20'000;     // envelopes and events, before more is read
constexpr int probes_per_disconnect = 3;
constexpr int worker_messages_max = 100'000;  // waiting for one worker
constexpr Duration goodbye_linger = 1s;

// File modes protect ipc://, keys tcp://.
bool is_tcp(const std::string& endpoint) { return endpoint.starts_with("tcp://"); }

FailAction failpoint_of(std::string_view bytes) {
  const auto envelope = decode_envelope(bytes);
  if (!envelope) return FailAction::nothing;
  const EnvelopeHeader& header = envelope->header;
  switch (header.kind) {
    case EnvelopeKind::request: return failpoint(Failpoint::broker_after_recv, header.verb);
    case EnvelopeKind::reply: return failpoint(Failpoint::broker_after_reply_recv, header.verb);
    default: return FailAction::nothing;
  }
}

// Whoever uses up his window must not be taken for one who does not read at all.
BrokerProcessOptions within_marks(BrokerProcessOptions options) {
  const auto half = static_cast<std::uint32_t>(options.gateway_messages_max / 2);
  options.broker.delivery_messages_max = std::min(options.broker.delivery_messages_max, half);
  return options;
}

}  // namespace

struct BrokerProcess::Impl {
  // A ROUTER. One that binds nothing does not exist.
  struct Door {
    Side side;
    Protection protection;
    std::unique_ptr<UvSocket> monitor = {};  // outlives the socket (ZmqSocket::monitor)
    std::unique_ptr<UvSocket> socket = {};
  };

  using Mail = std::unordered_map<PeerKey, std::vector<std::string>>;
  struct Returned {
    PeerKey to;
    SendStatus why;
    std::vector<std::string> envelopes;
  };
  struct Sent {
    std::size_t count;
    SendStatus status;  // of the first that was not sent
  };

  Impl(Loop& loop_in, BrokerProcessOptions options_in, Metrics& metrics_in);
  Status check_tcp() const;
  Status admit_by_keys();
  Status open(Door& door, const std::vector<std::string>& endpoints);
  ZmqSocket make_router(const Door& door);
  void bind_to_loop(Door& door, ZmqSocket socket);
  const Principal* sender(const Door& door);
  bool read_one(const Door& door, ZmqSocket& socket);
  bool read_event(ZmqSocket& monitor);
  void on_keys_changed();
  void perform();
  void post(BrokerAction action);
  std::vector<Returned> send_mail();
  bool note_failed(const std::vector<Returned>& returned);
  Sent send(const PeerKey& to, const std::vector<std::string>& envelopes);
  void read_backlog();
  void tick();
  void drain();
  void on_event(const PeerEvent& event) { broker_log.write(event, now()); }
  void on_event(const ParkedEvent& event) { broker_log.write(event); }
  void on_event(DrainWanted) { drain(); }
  // Not the loop's time, which stands still for a turn and counts milliseconds: traces would not tell where
  // theirs was spent.
  static Instant now() { return monotonic_now(); }
  UvSocket& socket_of(const PeerKey& peer) {
    return *doors[2 * static_cast<std::size_t>(peer.side) +
                  static_cast<std::size_t>(peer.protection)]
                .socket;
  }

  Loop& loop;
  BrokerProcessOptions options;
  Metrics& metrics;
  Broker broker;
  BrokerLog broker_log;
  ZmqContext context;
  std::unique_ptr<Gatekeeper> gatekeeper;  // outlives the doors
  std::array<Door, 4> doors{{{Side::gateways, Protection::none},
                             {Side::gateways, Protection::curve},
                             {Side::workers, Protection::none},
                             {Side::workers, Protection::curve}}};
  std::array<std::vector<std::string>, 2> bound;
  ZmqMessage incoming;
  std::string batch;
  // By receiver. Empty lists stay until the next tick: under load the same receivers come again and again.
  Mail mail;
  std::vector<Mail::value_type*> posted;  // those that are not empty
  int probes_left = 0;
  bool probed = false;  // since the last tick
  bool is_performing = false;
  bool is_draining = false;
  Instant drain_until;
  Timer ticks;

  std::vector<std::pair<CounterFeed, std::uint64_t BrokerCounters::*>> feeds;
  Counter unsent, handshakes_failed, revoked;
  Gauge held, held_bytes, waiting, peers;
  StatusMetrics status_metrics;
  Instant status_shown_at;
};

BrokerProcess::Impl::Impl(Loop& loop_in, BrokerProcessOptions options_in, Metrics& metrics_in)
    : loop(loop_in),
      options(within_marks(std::move(options_in))),
      metrics(metrics_in),
      broker(options.broker, now()),
      ticks(loop, [this] { tick(); }),
      unsent(metrics.counter("parley_broker_unsent_total",
                             "envelopes dropped because the receiver does not read")),
      handshakes_failed(metrics.counter(
          "parley_broker_handshakes_failed_total",
          "connections that were refused, or that expected another key or no encryption")),
      revoked(metrics.counter("parley_broker_revoked_total",
                              "messages dropped because their sender's key was removed")),
      held(metrics.gauge("parley_broker_held", "requests waiting or sent and unanswered")),
      held_bytes(metrics.gauge("parley_broker_held_bytes", "their bytes")),
      waiting(metrics.gauge("parley_broker_waiting",
                            "of those held: without a worker, or waiting for its credit")),
      peers(metrics.gauge("parley_broker_peers", "registered peers")),
      status_metrics(metrics) {
#define PARLEY_BROKER_COUNTER(name, help)                                         \
  feeds.emplace_back(CounterFeed(metrics, "parley_broker_" #name "_total", help), \
                     &BrokerCounters::name);
#include "bus/broker_counters.def"
#undef PARLEY_BROKER_COUNTER
}

Status BrokerProcess::Impl::check_tcp() const {
  for (const auto* endpoints : {&options.gateways, &options.workers})
    for (const std::string& endpoint : *endpoints) {
      if (!is_tcp(endpoint) && !endpoint.starts_with("ipc://"))
        return fail(Errc::config, endpoint + " is neither ipc:// nor tcp://");
      if (is_tcp(endpoint) && !options.keys && options.plain_tcp == PlainTcp::refused)
        return fail(Errc::config,
                    endpoint + ": tcp:// needs broker.key_file (make one: parley key bus) and "
                               "broker.allowed_keys (parley key allow)");
    }
  return {};
}

Status BrokerProcess::Impl::admit_by_keys() {
  if (!options.keys) return {};
  PARLEY_TRY(gatekeeper,
             Gatekeeper::open(loop, context, options.keys->allowed_file,
                              {.on_refused =
                                   [this](const ZapRequest& request) {
                                     broker_log.write_refused_key(request, now());
                                   },
                               .on_change = [this] { on_keys_changed(); }},
                              metrics));
  return {};
}

// Requests to workers are bounded by the credit that they granted; their mark is above it and bounds the
// rest, which is small: pings, and deliveries that come back.
ZmqSocket BrokerProcess::Impl::make_router(const Door& door) {
  const bool for_workers = door.side == Side::workers;
  const bool is_encrypted = door.protection == Protection::curve;
  return ZmqSocket::router(
      context,
      {.send_hwm = for_workers ? worker_messages_max : options.gateway_messages_max,
       .receive_hwm = for_workers ? 10'000 : 1'000,
       .curve = is_encrypted ? std::optional(options.keys->own) : std::nullopt});
}

Status BrokerProcess::Impl::open(Door& door, const std::vector<std::string>& endpoints) {
  std::optional<ZmqSocket> socket;
  for (const std::string& endpoint : endpoints) {
    const bool is_encrypted = is_tcp(endpoint) && options.keys;
    if (is_encrypted != (door.protection == Protection::curve)) continue;
    if (!socket) socket.emplace(make_router(door));
    PARLEY_CHECK(socket->bind(endpoint, options.ipc_mode));
    if (is_tcp(endpoint) && !is_encrypted)
      log::warn("broker.unprotected_address", {{"endpoint", endpoint}});
    bound[static_cast<std::size_t>(door.side)].push_back(socket->bound_endpoint());
    log::info("broker.listening",
              {{"endpoint", socket->bound_endpoint()},
               {"side", door.side == Side::workers ? "workers" : "gateways"}});
  }
  if (socket) bind_to_loop(door, *std::move(socket));
  return {};
}

void BrokerProcess::Impl::bind_to_loop(Door& door, ZmqSocket socket) {
  ZmqSocket events = socket.monitor(context);
  door.socket = std::make_unique<UvSocket>(
      loop, std::move(socket), budget,
      UvSocket::Handlers{.read_one = [this, &door](ZmqSocket& zmq) { return read_one(door, zmq); },
                         .after_batch = [this] { perform(); }});
  door.monitor = std::make_unique<UvSocket>(
      loop, std::move(events), budget,
      UvSocket::Handlers{.read_one = [this](ZmqSocket& zmq) { return read_event(zmq); },
                         .after_batch =
                             [this] {
                               // Once a tick: strangers come and go as they like.
                               if (probes_left == 0 || std::exchange(probed, true)) return;
                               broker.on_disconnect_hint(now());
                               perform();
                             }});
}

bool BrokerProcess::Impl::read_event(ZmqSocket& monitor) {
  const auto event = monitor.receive_event();
  if (event == ConnectionEvent::disconnected) probes_left = probes_per_disconnect;
  if (event == ConnectionEvent::refused) handshakes_failed.add();
  return event.has_value();
}

// Null: whoever sent `incoming` is no longer on the list. The connection is of when he was.
const Principal* BrokerProcess::Impl::sender(const Door& door) {
  if (door.protection == Protection::none) return &anybody(door.side);
  const Principal* who = gatekeeper->find(incoming.key);
  if (who == nullptr) revoked.add();
  return who;
}

bool BrokerProcess::Impl::read_one(const Door& door, ZmqSocket& socket) {
  // What was read may make much to be sent: it goes out before more is read.
  if (broker.output_size() >= output_max) perform();
  if (broker.output_size() >= output_max || !socket.receive(incoming)) return false;
  const Principal* who = sender(door);
  if (who == nullptr) return true;
  const PeerKey from{door.side, std::move(incoming.identity), door.protection};
  const Instant read_at = now();
  const bool whole = unpack(std::move(incoming.bytes), [&](std::string bytes) {
    const FailAction fault = failpoints_exist() ? failpoint_of(bytes) : FailAction::nothing;
    if (fault == FailAction::drop) return;
    if (fault == FailAction::twice) broker.on_message(from, *who, bytes, read_at);
    broker.on_message(from, *who, std::move(bytes), read_at);
  });
  if (!whole) broker.on_message(from, *who, {}, read_at);  // counted as malformed
  return true;
}

void BrokerProcess::Impl::on_keys_changed() {
  broker.on_keys_changed(
      [this](const Principal& who) {
        const Principal* now = who.key.empty() ? &who : gatekeeper->find(who.key);
        return now != nullptr && *now == who;
      },
      now());
  perform();
}

// A send that finds nobody tells of a death, which makes more to be sent. ZeroMQ refuses sends to a dead peer
// before it has handed over that peer's last answers: they are read first. Once: who writes and does not
// read would keep us here for ever.
void BrokerProcess::Impl::perform() {
  if (std::exchange(is_performing, true)) return;
  failpoint(Failpoint::broker_before_route);
  bool has_read = false;
  for (auto actions = broker.take_actions(); !actions.empty(); actions = broker.take_actions()) {
    for (BrokerAction& action : actions) post(std::move(action));
    const std::vector<Returned> returned = send_mail();
    if (note_failed(returned) && !std::exchange(has_read, true)) read_backlog();
    for (const auto& [to, why, envelopes] : returned) {
      if (why == SendStatus::full) broker.on_stuck(to, now(), envelopes);
      else broker.on_unreachable(to, now(), envelopes);
    }
  }
  is_performing = false;
  for (const BrokerEvent& event : broker.take_events())
    std::visit([this](const auto& what) { on_event(what); }, event);
}

// Whether one of them is a peer, and not only somebody who was turned away.
bool BrokerProcess::Impl::note_failed(const std::vector<Returned>& returned) {
  bool is_peer = false;
  for (const Returned& mail_back : returned)
    is_peer = broker.on_send_failed(mail_back.to) || is_peer;
  return is_peer;
}

void BrokerProcess::Impl::post(BrokerAction action) {
  Mail::value_type& letters = *mail.try_emplace(std::move(action.to)).first;
  if (letters.second.empty()) posted.push_back(&letters);
  letters.second.push_back(std::move(action.bytes));
}

// Returns what was not sent.
std::vector<BrokerProcess::Impl::Returned> BrokerProcess::Impl::send_mail() {
  std::vector<Returned> returned;
  for (Mail::value_type* letters : posted) {
    std::vector<std::string>& envelopes = letters->second;
    const Sent sent = send(letters->first, envelopes);
    if (sent.count < envelopes.size()) {
      const auto rest = envelopes.begin() + static_cast<std::ptrdiff_t>(sent.count);
      returned.push_back({letters->first,
                          sent.status,
                          {std::make_move_iterator(rest),
                           std::make_move_iterator(envelopes.end())}});
    }
    envelopes.clear();
  }
  posted.clear();
  return returned;
}

BrokerProcess::Impl::Sent BrokerProcess::Impl::send(const PeerKey& to,
                                                    const std::vector<std::string>& envelopes) {
  ZmqSocket& socket = socket_of(to).for_sending();
  for (auto next = envelopes.begin(); next != envelopes.end();) {
    const auto first = next;
    const std::string_view message = pack(next, envelopes.end(), batch);
    const SendStatus status = socket.send_to(to.identity, message);
    if (status == SendStatus::sent) continue;
    if (status == SendStatus::full)
      unsent.add(static_cast<std::uint64_t>(envelopes.end() - first));
    return {static_cast<std::size_t>(first - envelopes.begin()), status};
  }
  return {envelopes.size(), SendStatus::sent};
}

void BrokerProcess::Impl::read_backlog() {
  const Instant until = now() + backlog_time_max;
  std::size_t left = backlog_max;
  for (bool more = true; more && left > 0 && now() < until;) {
    more = false;
    for (const Door& door : doors) {
      if (!door.socket) continue;
      const std::size_t count = door.socket->read_now(std::min(left, backlog_slice));
      left -= count;
      more = more || count > 0;
    }
  }
}

void BrokerProcess::Impl::tick() {
  read_backlog();
  probed = false;
  if (probes_left > 0) {
    // ZeroMQ may still have taken the first probe for a connection that it was about to give up.
    --probes_left;
    broker.on_disconnect_hint(now());
  }
  const std::uint64_t stalls = broker.counters().stalls;
  broker.on_tick(now());
  if (broker.counters().stalls != stalls) log::warn("broker.stood_still");
  broker_log.write_suppressed(now());
  perform();
  mail.clear();
  for (auto& [feed, counter] : feeds) feed.set(broker.counters().*counter);
  held.set(static_cast<double>(broker.held()));
  held_bytes.set(static_cast<double>(broker.held_bytes()));
  waiting.set(static_cast<double>(broker.waiting()));
  peers.set(static_cast<double>(broker.peers()));
  if (now() - status_shown_at >= status_every) {
    status_shown_at = now();
    status_metrics.update(broker.status());
  }
  if (is_draining && (broker.is_drained() || now() >= drain_until)) {
    log::info("broker.stopped", {{"unanswered", broker.held()}});
    loop.stop();
  }
}

BrokerProcess::BrokerProcess(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
BrokerProcess::~BrokerProcess() = default;

Result<std::unique_ptr<BrokerProcess>> BrokerProcess::start(Loop& loop,
                                                            BrokerProcessOptions options,
                                                            Metrics& metrics) {
  auto impl = std::make_unique<Impl>(loop, std::move(options), metrics);
  PARLEY_CHECK(impl->check_tcp());
  PARLEY_CHECK(impl->admit_by_keys());
  for (Impl::Door& door : impl->doors)
    PARLEY_CHECK(impl->open(
        door, door.side == Side::workers ? impl->options.workers : impl->options.gateways));
  impl->ticks.every(tick_every);
  return std::unique_ptr<BrokerProcess>(new BrokerProcess(std::move(impl)));
}

void BrokerProcess::reload_keys() {
  if (impl_->gatekeeper) impl_->gatekeeper->reload();
}

void BrokerProcess::drain() { impl_->drain(); }

void BrokerProcess::Impl::drain() {
  if (std::exchange(is_draining, true)) return;
  drain_until = now() + options.drain_limit;
  // What is sent last must get out: the process ends right after.
  for (const Door& door : doors)
    if (door.socket) door.socket->for_sending().set_linger(goodbye_linger);
  broker.drain(now());
  perform();
}

const std::vector<std::string>& BrokerProcess::gateway_endpoints() const {
  return impl_->bound[static_cast<std::size_t>(Side::gateways)];
}
const std::vector<std::string>& BrokerProcess::worker_endpoints() const {
  return impl_->bound[static_cast<std::size_t>(Side::workers)];
}

}  // namespace parley
