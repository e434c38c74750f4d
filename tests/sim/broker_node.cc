#include "tests/sim/broker_node.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "bus/batch.h"
#include "proto/bus.pb.h"
#include "proto/limits.h"
#include "proto/verbs.h"

namespace parley::sim {
namespace {

constexpr Duration tick_every = 100ms;
constexpr std::size_t budget = 128;
constexpr std::size_t backlog_max = 50'000;
constexpr int probes_per_disconnect = 3;
constexpr std::size_t worker_messages_max = 100'000;
constexpr Duration drain_limit = 10s;

}  // namespace

BrokerNode::BrokerNode(Universe& universe, const WorldOptions& options, Judge& judge,
                       std::string name)
    : Node(universe, std::move(name)), options_(options), judge_(judge) {
  for (const Side side : {Side::gateways, Side::workers}) {
    Router& router = routers_[static_cast<std::size_t>(side)];
    router.node = this;
    router.side = side;
  }
}

// -- the sockets

void BrokerNode::Router::attach(Link& link, const ConnectionPtr& connection) {
  open.push_back({connection, &link});
  routes[connection->identity] = connection;
}

void BrokerNode::Router::detach(const ConnectionPtr& connection) {
  const auto route = routes.find(connection->identity);
  if (route != routes.end() && route->second == connection) routes.erase(route);
  node->hinted_ = true;
  node->wake();
}

// Like ZeroMQ's fair queueing: one message of each connection in turn.
std::size_t BrokerNode::read(Router& router, std::size_t most) {
  std::size_t taken = 0;
  std::size_t idle = 0;
  std::size_t next = router.open.empty() ? 0 : universe().random.below(router.open.size());
  while (taken < most && idle < router.open.size()) {
    const Open from = router.open[next++ % router.open.size()];
    const auto bytes = from.link->receive_up(*from.connection);
    idle = bytes ? 0 : idle + 1;
    if (!bytes) continue;
    ++taken;
    const PeerKey key{router.side, from.connection->identity};
    PARLEY_ASSERT(
        unpack(*bytes, [&](std::string_view envelope) { give(key, std::string(envelope)); }));
  }
  std::erase_if(router.open, [](const Open& connection) {
    return connection.connection->ended[up] && connection.connection->pipes[up].empty();
  });
  return taken;
}

// -- its life

void BrokerNode::on_start() {
  broker_options_ = options_.broker;
  broker_options_.name = name();
  broker_options_.boot = BootId{universe().random.next() | 1};
  broker_ = std::make_unique<Broker>(broker_options_, universe().now());
  started_ = universe().now();
  hinted_ = performing_ = false;
  probes_left_ = 0;
  every(tick_every, [this] { tick(); });
}

void BrokerNode::on_terminate() {
  drain_until_ = universe().now() + drain_limit;
  given_ = {};
  broker_->drain(universe().now());
  collect();
  perform();
}

void BrokerNode::on_end() {
  broker_.reset();
  offered_.clear();
  last_attempt_.clear();
  second_sent_.clear();
  lent_.clear();
  delivered_.clear();
  workers_lost_ = 0;
  for (Router& router : routers_) {
    router.open.clear();
    router.routes.clear();
    for (Link* link : router.links) link->on_broker_ended();
  }
}

void BrokerNode::turn() {
  const bool hint_first = universe().chance(500);
  const auto hint = [this] {
    if (!std::exchange(hinted_, false)) return;
    probes_left_ = probes_per_disconnect;
    broker_->on_disconnect_hint(universe().now());
    collect();
    perform();
  };
  if (hint_first) hint();
  bool more = false;
  for (Router& router : routers_) {
    more = read(router, budget) == budget || more;
    perform();
  }
  hint();
  if (more) wake();
}

void BrokerNode::tick() {
  for (Router& router : routers_) read(router, backlog_max);
  given_ = {};
  if (probes_left_ > 0) {
    --probes_left_;
    broker_->on_disconnect_hint(universe().now());
  }
  broker_->on_tick(universe().now());
  collect();
  perform();
  if (terminating() && (broker_->is_drained() || universe().now() >= drain_until_)) finish();
}

void BrokerNode::give(const PeerKey& from, const std::string& bytes) {
  const auto envelope = decode_envelope(bytes);
  PARLEY_ASSERT(envelope.has_value());
  given_ = {.header = envelope->header,
            .bytes = bytes.size(),
            .held = broker_->held(),
            .held_bytes = broker_->held_bytes(),
            .waiting = broker_->waiting()};
  if (given_.header.kind == EnvelopeKind::credit) watch_credit(from);
  if (given_.header.kind == EnvelopeKind::reply) watch_answer(from);
  broker_->on_message(from, anybody(from.side), bytes, universe().now());
  collect();
  given_ = {};
}

// Looks at what the broker did while it is known what made it do so; perform() sends it.
void BrokerNode::collect() {
  for (const BrokerEvent& event : broker_->take_events()) watch(event);
  for (BrokerAction& action : broker_->take_actions()) {
    watch(action);
    actions_.push_back(std::move(action));
  }
  check_bounds();
}

// As broker_process.cc does it.
void BrokerNode::perform() {
  if (std::exchange(performing_, true)) return;
  bool has_read = false;
  while (!actions_.empty()) {
    std::vector<std::pair<PeerKey, std::vector<std::string>>> mail;
    for (auto& [to, bytes] : std::exchange(actions_, {})) {
      auto box = std::ranges::find(mail, to, &std::pair<PeerKey, std::vector<std::string>>::first);
      if (box == mail.end()) box = mail.insert(mail.end(), {to, {}});
      box->second.push_back(std::move(bytes));
    }
    std::erase_if(mail, [this](const auto& letters) {
      return send(letters.first, letters.second) != SendResult::unreachable;
    });
    bool is_peer = false;
    for (const auto& [peer, envelopes] : mail) is_peer = broker_->on_send_failed(peer) || is_peer;
    if (is_peer && !std::exchange(has_read, true))
      for (Router& router : routers_) read(router, backlog_max);
    for (const auto& [peer, envelopes] : mail) {
      broker_->on_unreachable(peer, universe().now(), envelopes);
      collect();
    }
  }
  performing_ = false;
}

BrokerNode::SendResult BrokerNode::send(const PeerKey& to,
                                        const std::vector<std::string>& envelopes) {
  const Router& router = routers_[static_cast<std::size_t>(to.side)];
  const auto route = router.routes.find(to.identity);
  if (route == router.routes.end()) return SendResult::unreachable;
  const std::size_t mark =
      to.side == Side::gateways ? options_.gateway_messages_max : worker_messages_max;
  for (auto next = envelopes.begin(); next != envelopes.end();) {
    const std::string_view message = pack(next, envelopes.end(), batch_);
    // A full pipe: dropped, and counted by the real shell.
    if (route->second->pipes[down].size() >= mark) continue;
    const auto open = std::ranges::find(router.open, route->second, &Open::connection);
    open->link->send_down(route->second, std::string(message));
  }
  return SendResult::done;
}

// -- what it is judged by

void BrokerNode::watch(const BrokerEvent& event) {
  // Its refusal may find nobody to go to.
  if (const auto* parked = std::get_if<ParkedEvent>(&event)) return judge_.on_refused(parked->id);
  const auto* peer = std::get_if<PeerEvent>(&event);
  if (peer != nullptr && peer->kind == PeerEvent::Kind::registered)
    std::erase_if(delivered_, [&](const auto& entry) {
      return entry.first.starts_with(peer->name + "/");
    });
  if (peer != nullptr && universe().trace.on()) {
    constexpr std::array names{"registers", "refuses", "lets drain", "lets go", "replaces",
                               "cannot reach", "misses", "revokes", "disbelieves", "forbids"};
    const std::string what = names[static_cast<std::size_t>(peer->kind)];
    universe().trace.say(name(), what + " " + peer->name);
  }
  if (peer == nullptr || peer->role != Role::worker) return;
  if (peer->kind == PeerEvent::Kind::registered) {
    lent_[peer->name] = {};
    for (const ServiceId service : judge_.services_of(peer->name))
      offered_.insert(static_cast<std::uint8_t>(service));
  }
  const bool lost = peer->kind == PeerEvent::Kind::replaced ||
                    peer->kind == PeerEvent::Kind::unreachable ||
                    peer->kind == PeerEvent::Kind::silent;
  workers_lost_ += lost ? 1 : 0;
}

void BrokerNode::watch(const BrokerAction& action) {
  const auto envelope = decode_envelope(action.bytes);
  PARLEY_ASSERT(envelope.has_value());
  const EnvelopeHeader& header = envelope->header;
  if (header.kind == EnvelopeKind::request) watch_request(action.to, header, action.bytes.size());
  if (header.kind == EnvelopeKind::deliver) watch_delivery(action.to, action.bytes.size());
  const bool is_error = header.kind == EnvelopeKind::reply && header.error != 0;
  const bool of_worker =
      given_.header.kind == EnvelopeKind::reply && given_.header.id == header.id;
  if (is_error && !of_worker) watch_error(header);
}

std::string BrokerNode::name_of(const PeerKey& peer) {
  return peer.identity.substr(0, peer.identity.find('/'));
}

void BrokerNode::watch_request(const PeerKey& to, const EnvelopeHeader& header,
                               std::size_t bytes) {
  if (universe().trace.on())
    universe().trace.say(name(), "sends " + text_of(header.id) + " to " + name_of(to));
  last_attempt_[header.id] = header.attempt;
  if (header.attempt + 1U == limits::attempts_max) second_sent_[header.id] = universe().now();
  Lent& lent = lent_[name_of(to)];
  lent.identity = to.identity;
  lent.requests.emplace(header.id, bytes);
  lent.bytes += bytes;
  const bool fits = lent.requests.size() <= options_.credit_messages &&
                    (lent.bytes <= options_.credit_bytes || lent.requests.size() == 1);
  judge_.require(fits, "credit_is_never_exceeded", [&] {
    return name_of(to) + " holds " + std::to_string(lent.requests.size()) + " of " +
           std::to_string(options_.credit_messages) + ", bytes " + std::to_string(lent.bytes) +
           " of " + std::to_string(options_.credit_bytes);
  });
}

void BrokerNode::watch_answer(const PeerKey& from) {
  Lent& lent = lent_[name_of(from)];
  const auto request = lent.requests.find(given_.header.id);
  if (request == lent.requests.end() || lent.identity != from.identity) return;
  lent.bytes -= request->second;
  lent.requests.erase(request);
}

void BrokerNode::watch_delivery(const PeerKey& to, std::size_t bytes) {
  Delivered& all = delivered_[to.identity];
  const bool alone = all.sent == all.dealt;
  ++all.sent;
  all.sent_bytes += bytes;
  const bool fits = all.sent - all.dealt <= options_.delivery_window.messages &&
                    all.sent_bytes - all.dealt_bytes <= options_.delivery_window.bytes;
  judge_.require(fits || alone, "credit_is_never_exceeded", [&] {
    return name() + " has sent " + name_of(to) + " too many deliveries: " +
           std::to_string(all.sent - all.dealt) + ", bytes " +
           std::to_string(all.sent_bytes - all.dealt_bytes);
  });
}

void BrokerNode::watch_credit(const PeerKey& from) {
  Delivered& all = delivered_[from.identity];
  if (given_.header.id.number > all.sent) return;  // of a former registration
  all.dealt = std::max(all.dealt, given_.header.id.number);
  all.dealt_bytes = std::max(all.dealt_bytes, given_.header.target);
}

void BrokerNode::watch_error(const EnvelopeHeader& reply) {
  const Asked* asked = judge_.find(reply.id);
  if (asked == nullptr)
    return judge_.violation("brokers_answer_what_was_asked", text_of(reply.id));
  const auto code = static_cast<Errc>(reply.error);
  judge_.on_broker_error(reply.id, code);
  const auto because = [&](bool holds, std::string_view rule) {
    judge_.require(holds, rule, [&] { return name() + " " + text_of(reply.id); });
  };
  switch (code) {
    case Errc::retry_later:
      return because(may_shed(reply.id) || may_expire(*asked) ||
                         last_attempt_[reply.id] == limits::attempts_max,
                     "retry_later_has_a_reason");
    case Errc::no_service: {
      const bool awaited = universe().now() - started_ < broker_options_.startup_grace;
      return because(!awaited && !offered_.contains(service_of(asked->verb)),
                     "no_service_has_a_reason");
    }
    case Errc::internal:
      because(universe().now() - second_sent_[reply.id] >= broker_options_.dead_after,
              "the_last_attempt_rests_before");
      return because(last_attempt_[reply.id] == limits::attempts_max &&
                         workers_lost_ >= limits::attempts_max,
                     "internal_only_after_three_deaths");
    default: return because(false, "brokers_give_known_errors");
  }
}

// It was new, and a bound was reached.
bool BrokerNode::may_shed(const RequestId& id) const {
  const bool is_new = given_.header.kind == EnvelopeKind::request && given_.header.id == id;
  return is_new && (given_.waiting >= broker_options_.queue_messages_max ||
                    given_.held >= broker_options_.held_messages_max ||
                    given_.held_bytes + given_.bytes > broker_options_.held_bytes_max);
}

// Its time is up, or may be, as far as a broker can know that stood still while it waited unread, and that
// had last looked at the time a tick earlier.
bool BrokerNode::may_expire(const Asked& asked) const {
  const Duration unseen = longest_stop_since(asked.published) + tick_every + 10ms;
  return universe().now() + unseen >= asked.deadline;
}

void BrokerNode::check_bounds() {
  const auto within = [&](bool holds, std::string_view bound, std::size_t value) {
    judge_.require(holds, "queues_are_bounded", [&] {
      return name() + ": " + std::string(bound) + " " + std::to_string(value);
    });
  };
  within(broker_->held() <= broker_options_.held_messages_max, "held", broker_->held());
  within(broker_->held_bytes() <= broker_options_.held_bytes_max, "held bytes",
         broker_->held_bytes());
  // What comes back from dead workers may exceed the bound, what is new may not. It is one of each service,
  // which can be seen from outside where there is only one.
  const bool is_new = given_.header.kind == EnvelopeKind::request && given_.bytes > 0;
  if (options_.services == 1 && is_new && broker_->waiting() > given_.waiting)
    within(given_.waiting < broker_options_.queue_messages_max, "waiting", broker_->waiting());
}

void BrokerNode::expect_idle() {
  const auto expect = [&](bool holds, const std::string& what) {
    judge_.require(holds, "everything_converges", [&] { return name() + " " + what; });
  };
  expect(broker_->held() == 0 && broker_->held_bytes() == 0 && broker_->waiting() == 0,
         "holds " + std::to_string(broker_->held()));
  const PeerKey operator_key{Side::gateways, "operator"};
  broker_->on_message(operator_key, anybody(Side::gateways),
                      encode(EnvelopeHeader{.kind = EnvelopeKind::status}, {}), universe().now());
  for (const BrokerAction& action : broker_->take_actions()) {
    const auto envelope = decode_envelope(action.bytes);
    if (envelope->header.kind != EnvelopeKind::status_reply) continue;
    wire::BrokerStatus status;
    expect(status.ParseFromString(std::string(envelope->body)), "has no status");
    for (const auto& peer : status.peers())
      expect(peer.outstanding_messages() == 0 && peer.outstanding_bytes() == 0,
             "still counts credit of " + peer.name() + " as used");
    for (const auto& service : status.services())
      expect(service.queued() == 0, "still queues for " + service.name());
  }
}

}  // namespace parley::sim
