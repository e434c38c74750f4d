#include "bus/publisher.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/random.h"
#include "bus/broker_connection.h"
#include "bus/counter_feed.h"
#include "bus/flight_log.h"
#include "bus/publisher_core.h"
#include "proto/bus.pb.h"
#include "proto/delivery.h"
#include "proto/limits.h"

namespace parley {
namespace {

constexpr Duration tick_every = 50ms;
constexpr Duration goodbye_linger = 200ms;
constexpr std::size_t outbox_slack = 64;  // registrations, pings, repetitions

std::string registration(const std::string& name) {
  wire::RegisterPeer body;
  body.set_role(wire::PEER_ROLE_GATEWAY);
  body.set_name(name);
  body.set_delivery_messages(DeliveryWindow{}.messages);
  body.set_delivery_bytes(DeliveryWindow{}.bytes);
  return body.SerializeAsString();
}

}  // namespace

struct Publisher::Impl {
  Impl(Loop& loop_in, PublisherOptions options_in, Handlers handlers_in, Metrics& metrics);
  void connect(const BusEndpoint& endpoint, std::size_t broker);
  void on_message(std::size_t broker, const EnvelopeHeader& header, std::string_view body);
  void perform();
  void tick();
  std::ptrdiff_t brokers_up() const;

  Loop& loop;
  PublisherOptions options;
  Handlers handlers;
  InstanceId instance;
  BootId boot;
  PublisherCore core;
  FlightLog flight;
  ZmqContext context;
  std::vector<std::unique_ptr<BrokerConnection>> connections;
  Timer ticks;
  bool closed = false;

  CounterFeed published, republished, late_replies, expired, refused;
  Counter unsent;
  Gauge pending;
};

Publisher::Impl::Impl(Loop& loop_in, PublisherOptions options_in, Handlers handlers_in,
                      Metrics& metrics)
    : loop(loop_in),
      options(std::move(options_in)),
      handlers(std::move(handlers_in)),
      instance(instance_id(options.instance)),
      boot(secure_random_id()),
      core({.instance = instance,
            .boot = boot,
            .brokers = options.brokers.size(),
            .pending_max = options.pending_max,
            .pending_bytes_max = options.pending_bytes_max,
            .request_timeout = options.request_timeout}),
      flight(options.instance),
      ticks(loop, [this] { tick(); }),
      published(metrics, "parley_publisher_requests_total", "requests published"),
      republished(metrics, "parley_publisher_republished_total",
                  "requests published again under the same id"),
      late_replies(metrics, "parley_publisher_late_replies_total",
                   "replies that nobody waited for any more"),
      expired(metrics, "parley_publisher_expired_total", "requests whose deadline passed"),
      refused(metrics, "parley_publisher_refused_total",
              "requests refused because too many were unanswered"),
      unsent(metrics.counter("parley_publisher_unsent_total",
                             "sends that found the outbox full; repeated later")),
      pending(metrics.gauge("parley_publisher_pending", "requests without an answer")) {
  connections.resize(options.brokers.size());
  for (std::size_t i = 0; i < connections.size(); ++i) connect(options.brokers[i], i);
  ticks.every(tick_every);
}

void Publisher::Impl::connect(const BusEndpoint& endpoint, std::size_t broker) {
  connections[broker] = std::make_unique<BrokerConnection>(
      loop, context,
      BrokerConnection::Options{.endpoint = endpoint,
                                .identity_letter = 'g',
                                .registration = registration(options.instance),
                                .instance = instance,
                                .boot = boot,
                                .outbox_max = options.pending_max + outbox_slack,
                                .at_loss = BrokerConnection::AtLoss::read},  // answers
      BrokerConnection::Handlers{
          .on_up =
              [this, broker] {
                core.on_up(broker, connections[broker]->broker(), loop.now());
                perform();
                if (handlers.on_connected) handlers.on_connected();
              },
          .on_leaving = [this, broker] { core.on_leaving(broker); },
          .on_down =
              [this, broker] {
                core.on_down(broker, loop.now());
                perform();
              },
          .on_message =
              [this, broker](const EnvelopeHeader& header, std::string bytes) {
                on_message(broker, header,
                           std::string_view(bytes).substr(limits::envelope_header_bytes));
              }});
}

void Publisher::Impl::on_message(std::size_t broker, const EnvelopeHeader& header,
                                 std::string_view body) {
  if (header.kind == EnvelopeKind::reply) {
    const bool awaited = core.on_reply(header, loop.now());
    perform();
    if (!awaited) return;
    flight.note(FlightPoint::gateway_replied, header);
    handlers.on_reply(header, body);
  } else if (header.kind == EnvelopeKind::deliver) {
    for (const std::uint64_t trace : causes_of(body))
      flight.note(FlightPoint::gateway_delivered, {.trace = trace});
    handlers.on_delivery(header, body);
  } else if (header.kind == EnvelopeKind::not_registered) {
    core.on_refused(broker, header.id, loop.now());
    perform();
  } else if (header.kind == EnvelopeKind::drain) {
    if (handlers.on_drain) handlers.on_drain();
  } else if (header.kind == EnvelopeKind::trace_query) {
    connections[broker]->send(flight.answer(header, body));
  }
}

void Publisher::Impl::perform() {
  for (auto& [broker, bytes] : core.take_sends()) {
    if (!connections[broker]->send(std::move(bytes))) unsent.add();
  }
}

void Publisher::Impl::tick() {
  core.on_tick(loop.now());
  perform();
  const PublisherCore::Counters& counters = core.counters();
  published.set(counters.published);
  republished.set(counters.republished);
  late_replies.set(counters.late_replies);
  expired.set(counters.expired);
  refused.set(counters.refused);
  pending.set(static_cast<double>(core.pending()));
  for (const auto& late : core.take_expired()) {
    if (closed) continue;
    flight.note(FlightPoint::gateway_replied, late.header);
    handlers.on_reply(late.header, {});
  }
}

std::ptrdiff_t Publisher::Impl::brokers_up() const {
  return std::ranges::count_if(connections, [](const auto& c) { return c && c->is_up(); });
}

Publisher::Publisher(Loop& loop, PublisherOptions options, Handlers handlers, Metrics& metrics)
    : impl_(std::make_unique<Impl>(loop, std::move(options), std::move(handlers), metrics)) {}

Publisher::~Publisher() = default;

Result<std::uint64_t> Publisher::publish(EnvelopeHeader header, std::string_view body) {
  if (impl_->closed) return fail(Errc::going_away, "the publisher is closed");
  auto number = impl_->core.publish(header, body, impl_->loop.now());
  if (number) impl_->flight.note(FlightPoint::gateway_published, header);
  impl_->perform();
  return number;
}

std::size_t Publisher::pending() const { return impl_->core.pending(); }
bool Publisher::healthy() const { return impl_->brokers_up() > 0; }
InstanceId Publisher::instance() const { return impl_->instance; }

void Publisher::close() {
  if (std::exchange(impl_->closed, true)) return;
  impl_->ticks.stop();
  for (const auto& connection : impl_->connections) connection->leave(goodbye_linger);
}

}  // namespace parley
