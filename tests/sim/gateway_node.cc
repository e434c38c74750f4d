#include "tests/sim/gateway_node.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "base/assert.h"
#include "proto/bus.pb.h"
#include "proto/c2c.pb.h"
#include "tests/sim/verbs.h"

namespace parley::sim {
namespace {

constexpr Duration tick_every = 50ms;
constexpr Duration link_tick_every = 100ms;
constexpr std::size_t budget = 128;
constexpr std::size_t outbox_slack = 64;
constexpr Duration request_timeout = 10s;

std::string registration(const std::string& name, const DeliveryWindow& window) {
  wire::RegisterPeer body;
  body.set_role(wire::PEER_ROLE_GATEWAY);
  body.set_name(name);
  body.set_delivery_messages(window.messages);
  body.set_delivery_bytes(window.bytes);
  return body.SerializeAsString();
}

}  // namespace

void GatewayNode::on_start() {
  boot_ = BootId{universe().random.next() | 1};
  core_ = std::make_unique<PublisherCore>(
      PublisherCore::Options{.instance = instance_id(name()),
                             .boot = boot_,
                             .brokers = links_.size(),
                             .pending_max = options_.pending_max,
                             .request_timeout = request_timeout});
  connections_.resize(links_.size());
  for (std::size_t i = 0; i < links_.size(); ++i) connect(i);
  every(tick_every, [this] { tick(); });
  every(link_tick_every, [this] {
    for (const auto& connection : connections_) connection->tick();
  });
  ask_next();
}

void GatewayNode::connect(std::size_t broker) {
  connections_[broker] = std::make_unique<PeerLink>(
      *this, *links_[broker],
      PeerLink::Options{.registration = registration(name(), options_.delivery_window),
                        .instance = instance_id(name()),
                        .boot = boot_,
                        .outbox_max = options_.pending_max + outbox_slack,
                        .at_loss = PeerLink::AtLoss::read,
                        .deliveries = options_.delivery_window},
      PeerLink::Handlers{
          .on_up =
              [this, broker] {
                core_->on_up(broker, connections_[broker]->broker(), universe().now());
                perform();
              },
          .on_leaving = [this, broker] { core_->on_leaving(broker); },
          .on_down =
              [this, broker] {
                core_->on_down(broker, universe().now());
                perform();
              },
          .on_message = [this, broker](
                            const EnvelopeHeader& header,
                            std::string_view body) { on_message(broker, header, body); }});
}

void GatewayNode::on_end() {
  connections_.clear();
  core_.reset();
  delivered_.clear();
  for (Link* link : links_) link->on_peer_ended();
  judge_.on_gateway_ended(instance_id(name()), boot_);
}

// Publisher::close(): its clients were sent elsewhere before.
void GatewayNode::on_terminate() {
  for (const auto& connection : connections_) connection->leave();
  finish();
}

void GatewayNode::turn() {
  bool more = false;
  for (const auto& connection : connections_) more = connection->read(budget) || more;
  if (more) wake();
}

void GatewayNode::flush() {
  for (const auto& connection : connections_) {
    connection->flush();
    judge_.require(connection->outbox_size() <= options_.pending_max + outbox_slack,
                   "queues_are_bounded", [&] { return name() + ": outbox"; });
  }
}

void GatewayNode::on_message(std::size_t broker, const EnvelopeHeader& header,
                             std::string_view body) {
  if (header.kind == EnvelopeKind::reply) {
    const bool awaited = core_->on_reply(header, universe().now());
    perform();
    if (awaited) answer(header, body);
  } else if (header.kind == EnvelopeKind::deliver) {
    on_delivery(broker, header, body);
  } else if (header.kind == EnvelopeKind::not_registered) {
    core_->on_refused(broker, header.id, universe().now());
    perform();
  }
}

// Body: who, key and way | number. Those of one key that arrive by one broker arrive in order.
void GatewayNode::on_delivery(std::size_t broker, const EnvelopeHeader& header,
                              std::string_view body) {
  // Promised neither once nor in order: what was sent again, by its worker or on its way.
  if ((header.flags & flag_repeated) != 0) return;
  if (universe().repeated_deliveries.contains(std::string(body))) return;
  const std::size_t bar = body.find('|');
  PARLEY_ASSERT(bar != std::string_view::npos);
  std::uint64_t number = 0;
  std::from_chars(body.data() + bar + 1, body.data() + body.size(), number);
  std::uint64_t& last =
      delivered_[std::string(body.substr(0, bar)) + "@" + std::to_string(broker) + "/" +
                 std::to_string(header.id.gateway.value)];
  judge_.require(number > last, "deliveries_of_a_key_arrive_in_order", [&] {
    return name() + " got " + std::string(body) + " after " + std::to_string(last);
  });
  last = number;
}

void GatewayNode::answer(const EnvelopeHeader& header, std::string_view body) {
  if (universe().trace.on())
    universe().trace.say(name(), "answers " + text_of(header.id) + " error " +
                                     std::to_string(header.error));
  judge_.on_answered(header, body, *this);
}

void GatewayNode::perform() {
  for (auto& [broker, bytes] : core_->take_sends())
    // Refused by a full outbox: asked again after 4 s.
    static_cast<void>(connections_[broker]->send(std::move(bytes)));
  judge_.require(core_->pending() <= options_.pending_max, "queues_are_bounded",
                 [&] { return name() + ": pending " + std::to_string(core_->pending()); });
}

void GatewayNode::tick() {
  core_->on_tick(universe().now());
  perform();
  for (const auto& late : core_->take_expired()) answer(late.header, {});
}

bool GatewayNode::is_up_everywhere() const {
  return runs() && std::ranges::all_of(connections_, [](const auto& c) { return c->is_up(); });
}

// -- its callers

void GatewayNode::ask_next() {
  after(universe().random.between(0ms, 2 * options_.publish_every), [this] {
    if (!callers_ask_) return;
    for (std::uint64_t n = 1 + universe().random.below(options_.burst_max); n > 0; --n)
      ask_something();
    ask_next();
  });
}

void GatewayNode::ask_something() {
  Random& random = universe().random;
  const auto service = random.below(options_.services);
  const std::uint64_t key = universe().chance(options_.hot_per_thousand)
                                ? 1
                                : 1 + random.below(options_.keys);
  const bool early = universe().now() < Instant(std::chrono::hours(1)) + options_.safety / 2;
  const bool poison = early && universe().chance(options_.poison_per_thousand);
  ask(a_verb_of(service, random), key, poison ? Body::poison : Body::random);
}

void GatewayNode::ask(std::uint16_t verb, std::uint64_t key, Body body) {
  if (!core_) return;
  wire::SendRequest request;
  const bool is_large = body == Body::random && verb == verb_of_large &&
                        universe().chance(options_.large_per_thousand);
  if (body != Body::small)
    request.set_body(std::string(is_large ? 3'000 : universe().random.below(40), 'x'));
  const auto number = core_->publish({.verb = verb, .key = key, .user = UserId{1}},
                                     request.SerializeAsString(), universe().now());
  judge_.require(number.has_value() || core_->pending() >= options_.pending_max,
                 "publish_refuses_at_its_bound", [&] { return name(); });
  if (!number) return;
  const RequestId id{instance_id(name()), boot_, *number};
  if (universe().trace.on())
    universe().trace.say(name(), "asks " + text_of(id) + " verb " + std::to_string(verb) +
                                     " key " + std::to_string(key));
  judge_.on_published(id, verb, key, request_timeout, body == Body::poison);
  perform();
}

}  // namespace parley::sim
