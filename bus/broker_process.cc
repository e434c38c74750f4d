#include "bus/broker_process.h"

#include <array>
#include <unordered_map>
#include <utility>

#include "base/log.h"
#include "base/random.h"
#include "bus/batch.h"
#include "bus/broker.h"
#include "bus/counter_feed.h"
#include "bus/uv_socket.h"

namespace parley {
namespace {

constexpr Duration tick_every = 100ms;
constexpr std::size_t budget = 64;           // messages (of up to batch_bytes) per turn and socket
constexpr std::size_t backlog_max = 50'000;  // read before a death is believed, per socket
constexpr int probes_per_disconnect = 3;
constexpr int worker_messages_max = 100'000;  // waiting for one worker
constexpr Duration goodbye_linger = 1s;

// Whoever can reach an unencrypted socket is trusted with the roles of its side.
const Principal& anybody(Side side) {
  static const Principal front{{}, {Role::gateway, Role::business, Role::admin}, "*"};
  static const Principal back{{}, {Role::worker}, "*"};
  return side == Side::workers ? back : front;
}

const char* name_of(Role role) {
  constexpr std::array names{"gateway", "worker", "business", "admin"};
  return names[static_cast<std::size_t>(role)];
}

void write_log(const PeerEvent& event) {
  constexpr std::array names{"peer.registered",  "peer.refused", "peer.draining", "peer.left",
                             "peer.replaced",    "peer.unreachable", "peer.silent", "peer.revoked",
                             "peer.impostor", "peer.forbidden"};
  const char* name = names[static_cast<std::size_t>(event.kind)];
  if (event.kind == PeerEvent::Kind::refused)
    log::warn(name,
              {{"peer", event.name}, {"role", name_of(event.role)}, {"reason", event.reason}});
  else
    log::info(name, {{"peer", event.name}, {"role", name_of(event.role)}});
}

void write_log(const ParkedEvent& parked) {
  log::warn("request.parked", {{"ticket", parked.ticket},
                               {"gateway", parked.id.gateway},
                               {"boot", parked.id.boot},
                               {"number", parked.id.number},
                               {"verb", parked.verb},
                               {"user", parked.user},
                               {"key", parked.key},
                               {"trace", parked.trace},
                               {"bytes", parked.bytes}});
}

}  // namespace

struct BrokerProcess::Impl {
  Impl(Loop& loop_in, BrokerProcessOptions options_in, Metrics& metrics);
  Status bind(Side side, ZmqSocket& socket, const std::vector<std::string>& endpoints);
  Status open(Side side, const std::vector<std::string>& endpoints, ZmqSocket socket);
  bool read_one(Side side, ZmqSocket& socket);
  void perform();
  bool send(const PeerKey& to, const std::vector<std::string>& envelopes);
  void read_backlog();
  void tick();
  void drain();
  void on_event(const PeerEvent& event) { write_log(event); }
  void on_event(const ParkedEvent& event) { write_log(event); }
  void on_event(DrainWanted) { drain(); }
  UvSocket& socket_of(Side side) { return *sockets[static_cast<std::size_t>(side)]; }

  Loop& loop;
  BrokerProcessOptions options;
  Broker broker;
  ZmqContext context;
  std::array<std::unique_ptr<UvSocket>, 2> sockets;
  std::array<std::unique_ptr<UvSocket>, 2> monitors;
  std::array<std::vector<std::string>, 2> bound;
  ZmqMessage incoming;
  std::string outgoing;
  int probes_left = 0;
  bool is_performing = false;
  bool is_draining = false;
  Instant drain_until;
  Timer ticks;

  std::vector<std::pair<CounterFeed, std::uint64_t BrokerCounters::*>> feeds;
  Counter unsent;
  Gauge held, held_bytes, waiting, peers;
};

BrokerProcess::Impl::Impl(Loop& loop_in, BrokerProcessOptions options_in, Metrics& metrics)
    : loop(loop_in),
      options(std::move(options_in)),
      broker(options.broker, loop.now()),
      ticks(loop, [this] { tick(); }),
      unsent(metrics.counter("parley_broker_unsent_total",
                             "envelopes dropped because the receiver does not read")),
      held(metrics.gauge("parley_broker_held", "requests waiting or sent and unanswered")),
      held_bytes(metrics.gauge("parley_broker_held_bytes", "their bytes")),
      waiting(metrics.gauge("parley_broker_waiting",
                            "of those held: without a worker, or waiting for its credit")),
      peers(metrics.gauge("parley_broker_peers", "registered gateways and workers")) {
#define PARLEY_BROKER_COUNTER(name, help)                                         \
  feeds.emplace_back(CounterFeed(metrics, "parley_broker_" #name "_total", help), \
                     &BrokerCounters::name);
#include "bus/broker_counters.def"
#undef PARLEY_BROKER_COUNTER
}

Status BrokerProcess::Impl::open(Side side, const std::vector<std::string>& endpoints,
                                 ZmqSocket socket) {
  const auto index = static_cast<std::size_t>(side);
  ZmqSocket events = socket.monitor(context);
  for (const std::string& endpoint : endpoints) {
    PARLEY_CHECK(socket.bind(endpoint, options.ipc_mode));
    if (endpoint.starts_with("tcp://"))
      log::warn("broker.unprotected_address", {{"endpoint", endpoint}});
    bound[index].push_back(socket.bound_endpoint());
  }
  sockets[index] = std::make_unique<UvSocket>(
      loop, std::move(socket), budget,
      UvSocket::Handlers{.read_one = [this, side](ZmqSocket& zmq) { return read_one(side, zmq); },
                         .after_batch = [this] { perform(); }});
  monitors[index] = std::make_unique<UvSocket>(
      loop, std::move(events), budget,
      UvSocket::Handlers{.read_one =
                             [this](ZmqSocket& zmq) {
                               const auto event = zmq.receive_event();
                               if (event == ConnectionEvent::disconnected)
                                 probes_left = probes_per_disconnect;
                               return event.has_value();
                             },
                         .after_batch =
                             [this] {
                               if (probes_left != probes_per_disconnect) return;
                               broker.on_disconnect_hint(loop.now());
                               perform();
                             }});
  return {};
}

bool BrokerProcess::Impl::read_one(Side side, ZmqSocket& socket) {
  if (!socket.receive(incoming)) return false;
  const PeerKey from{side, std::move(incoming.identity)};
  const bool whole = unpack(incoming.bytes, [&](std::string_view bytes) {
    broker.on_message(from, anybody(side), std::string(bytes), loop.now());
  });
  if (!whole) broker.on_message(from, anybody(side), {}, loop.now());  // counted as malformed
  return true;
}

// A send that finds nobody tells of a death, which makes more to be sent.
void BrokerProcess::Impl::perform() {
  if (std::exchange(is_performing, true)) return;
  for (auto actions = broker.take_actions(); !actions.empty(); actions = broker.take_actions()) {
    std::unordered_map<PeerKey, std::vector<std::string>> mail;
    for (auto& [to, bytes] : actions) mail[std::move(to)].push_back(std::move(bytes));
    std::vector<PeerKey> gone;
    for (const auto& [to, envelopes] : mail)
      if (!send(to, envelopes)) gone.push_back(to);
    // ZeroMQ refuses sends to a dead peer before it has handed over that peer's last answers.
    if (!gone.empty()) read_backlog();
    for (const PeerKey& peer : gone) broker.on_unreachable(peer, loop.now());
  }
  is_performing = false;
  for (const BrokerEvent& event : broker.take_events())
    std::visit([this](const auto& what) { on_event(what); }, event);
}

// False: nobody is there.
bool BrokerProcess::Impl::send(const PeerKey& to, const std::vector<std::string>& envelopes) {
  ZmqSocket& socket = socket_of(to.side).for_sending();
  for (auto next = envelopes.begin(); next != envelopes.end();) {
    const auto first = next;
    next = pack(first, envelopes.end(), outgoing);
    const SendStatus status = socket.send_to(to.identity, outgoing);
    if (status == SendStatus::unreachable) return false;
    if (status == SendStatus::full) unsent.add(static_cast<std::uint64_t>(next - first));
  }
  return true;
}

void BrokerProcess::Impl::read_backlog() {
  for (const auto& socket : sockets) socket->read_now(backlog_max);
}

void BrokerProcess::Impl::tick() {
  read_backlog();
  if (probes_left > 0) {
    // ZeroMQ may still have taken the first probe for a connection that it was about to give up.
    --probes_left;
    broker.on_disconnect_hint(loop.now());
  }
  const std::uint64_t stalls = broker.counters().stalls;
  broker.on_tick(loop.now());
  if (broker.counters().stalls != stalls) log::warn("broker.stood_still");
  perform();
  for (auto& [feed, counter] : feeds) feed.set(broker.counters().*counter);
  held.set(static_cast<double>(broker.held()));
  held_bytes.set(static_cast<double>(broker.held_bytes()));
  waiting.set(static_cast<double>(broker.waiting()));
  peers.set(static_cast<double>(broker.peers()));
  if (is_draining && (broker.is_drained() || loop.now() >= drain_until)) {
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
  // Requests to workers are bounded by the credit that they granted; their mark is above it and bounds the
  // rest, which is small: pings, and deliveries that come back.
  const ZmqSocket::RouterOptions to_gateways{.send_hwm = impl->options.gateway_messages_max,
                                             .receive_hwm = 1'000};
  constexpr ZmqSocket::RouterOptions to_workers{.send_hwm = worker_messages_max,
                                                .receive_hwm = 10'000};
  PARLEY_CHECK(impl->open(Side::gateways, impl->options.gateways,
                          ZmqSocket::router(impl->context, to_gateways)));
  PARLEY_CHECK(impl->open(Side::workers, impl->options.workers,
                          ZmqSocket::router(impl->context, to_workers)));
  impl->ticks.every(tick_every);
  return std::unique_ptr<BrokerProcess>(new BrokerProcess(std::move(impl)));
}

void BrokerProcess::drain() { impl_->drain(); }

void BrokerProcess::Impl::drain() {
  if (std::exchange(is_draining, true)) return;
  drain_until = loop.now() + options.drain_limit;
  // What is sent last must get out: the process ends right after.
  for (const auto& socket : sockets) socket->for_sending().set_linger(goodbye_linger);
  broker.drain(loop.now());
  perform();
}

const std::vector<std::string>& BrokerProcess::gateway_endpoints() const {
  return impl_->bound[static_cast<std::size_t>(Side::gateways)];
}
const std::vector<std::string>& BrokerProcess::worker_endpoints() const {
  return impl_->bound[static_cast<std::size_t>(Side::workers)];
}

}  // namespace parley
