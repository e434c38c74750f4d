#include "bus/consumer.h"

#include <algorithm>
#include <utility>

#include "bus/broker_connection.h"
#include "bus/consumer_core.h"
#include "bus/flight_log.h"
#include "proto/bus.pb.h"
#include "proto/limits.h"

namespace parley {
namespace {

constexpr Duration drain_check_every = 10ms;
constexpr Duration goodbye_linger = 1s;

std::string registration(const ConsumerOptions& options) {
  wire::RegisterPeer body;
  body.set_role(wire::PEER_ROLE_WORKER);
  body.set_name(options.instance);
  for (const ServiceId service : options.services)
    body.add_services(static_cast<std::uint32_t>(service));
  body.set_credit_messages(options.credit_messages);
  body.set_credit_bytes(options.credit_bytes);
  return body.SerializeAsString();
}

}  // namespace

struct Consumer::Impl {
  Impl(Loop& loop_in, ConsumerOptions options_in, Handlers handlers_in, Metrics& metrics);
  void connect(const BusEndpoint& endpoint, std::size_t broker);
  void on_message(std::size_t broker, const EnvelopeHeader& header, std::string bytes);
  void perform();
  void drain(Duration limit, std::function<void()> done);
  void check_drained();

  Loop& loop;
  ConsumerOptions options;
  Handlers handlers;
  ConsumerCore core;
  FlightLog flight;
  ZmqContext context;
  std::vector<std::unique_ptr<BrokerConnection>> connections;
  std::function<void()> drained;
  Timer drain_timer;

  Counter requests, replies, stale_replies, deliveries, deliveries_dropped, unreachable;
};

Consumer::Impl::Impl(Loop& loop_in, ConsumerOptions options_in, Handlers handlers_in,
                     Metrics& metrics)
    : loop(loop_in),
      options(std::move(options_in)),
      handlers(std::move(handlers_in)),
      core({.brokers = options.brokers.size(), .credit_messages = options.credit_messages}),
      flight(options.instance),
      drain_timer(loop, [this] { check_drained(); }),
      requests(metrics.counter("parley_consumer_requests_total", "requests received")),
      replies(metrics.counter("parley_consumer_replies_total", "replies sent")),
      stale_replies(metrics.counter("parley_consumer_stale_replies_total",
                                    "replies dropped: their broker's connection was lost")),
      deliveries(metrics.counter("parley_consumer_deliveries_total", "deliveries sent")),
      deliveries_dropped(metrics.counter("parley_consumer_deliveries_dropped_total",
                                         "deliveries dropped: no broker, or too many waiting")),
      unreachable(metrics.counter("parley_consumer_unreachable_total",
                                  "deliveries whose gateway a broker did not know")) {
  connections.resize(options.brokers.size());
  for (std::size_t i = 0; i < connections.size(); ++i) connect(options.brokers[i], i);
}

void Consumer::Impl::connect(const BusEndpoint& endpoint, std::size_t broker) {
  connections[broker] = std::make_unique<BrokerConnection>(
      loop, context,
      BrokerConnection::Options{
          .endpoint = endpoint,
          .identity_letter = 'w',
          .registration = registration(options),
          .instance = instance_id(options.instance),
          .boot = std::nullopt,  // a new connection is a new incarnation: the former holds nothing
          .outbox_max = core.outbox_max(),
          .at_loss = BrokerConnection::AtLoss::drop},  // requests that go elsewhere now
      BrokerConnection::Handlers{
          .on_up =
              [this, broker] {
                core.on_up(broker, connections[broker]->broker());
                perform();
              },
          .on_leaving = [] {},
          .on_down =
              [this, broker] {
                core.on_down(broker, loop.now());
                perform();
              },
          .on_message = [this, broker](
                            const EnvelopeHeader& header,
                            std::string bytes) { on_message(broker, header, std::move(bytes)); },
          .is_alive = handlers.is_alive ? handlers.is_alive : [] { return true; }});
}

void Consumer::Impl::on_message(std::size_t broker, const EnvelopeHeader& header,
                                std::string bytes) {
  if (header.kind == EnvelopeKind::request) {
    requests.add();
    flight.note(FlightPoint::worker_received, header);
    bytes.erase(0, limits::envelope_header_bytes);
    handlers.on_request(core.on_request(broker, header, std::move(bytes)));
  } else if (header.kind == EnvelopeKind::unreachable) {
    unreachable.add();
    const auto items = std::string_view(bytes).substr(limits::envelope_header_bytes);
    if (!core.on_unreachable(broker, header, items, loop.now()))
      handlers.on_unreachable(header.id.gateway, items);
    perform();
  } else if (header.kind == EnvelopeKind::drain) {
    if (handlers.on_drain) handlers.on_drain();
  } else if (header.kind == EnvelopeKind::trace_query) {
    connections[broker]->send(
        flight.answer(header, std::string_view(bytes).substr(limits::envelope_header_bytes)));
  }
}

void Consumer::Impl::perform() {
  for (auto& [broker, what, bytes, waiting_max] : core.take_sends()) {
    const bool sent = connections[broker]->send(std::move(bytes), waiting_max);
    switch (what) {
      case ConsumerCore::What::reply: (sent ? replies : stale_replies).add(); break;
      case ConsumerCore::What::delivery: (sent ? deliveries : deliveries_dropped).add(); break;
      case ConsumerCore::What::control: break;
    }
  }
}

void Consumer::Impl::drain(Duration limit, std::function<void()> done) {
  drained = std::move(done);
  for (const auto& connection : connections) connection->register_no_more();
  core.drain(loop.now() + limit);
  perform();
  // Requests that are on their way while DRAIN travels still arrive within the first interval.
  drain_timer.every(drain_check_every);
}

void Consumer::Impl::check_drained() {
  if (!core.is_drained(!handlers.is_idle || handlers.is_idle(), loop.now())) return;
  drain_timer.stop();
  for (const auto& connection : connections) connection->leave(goodbye_linger);
  const auto done = std::exchange(drained, nullptr);
  if (done) done();
}

Consumer::Consumer(Loop& loop, ConsumerOptions options, Handlers handlers, Metrics& metrics)
    : impl_(std::make_unique<Impl>(loop, std::move(options), std::move(handlers), metrics)) {}

Consumer::~Consumer() = default;

void Consumer::reply(const BusRequest& request, EnvelopeHeader header, std::string_view body) {
  if (!impl_->core.reply(request, header, body)) impl_->stale_replies.add();
  impl_->perform();
  EnvelopeHeader answered = request.header;
  answered.error = header.error;
  impl_->flight.note(FlightPoint::worker_replied, answered);
}

void Consumer::deliver(InstanceId gateway, std::uint64_t key, std::string_view items) {
  if (!impl_->core.deliver(gateway, key, items, impl_->loop.now()))
    impl_->deliveries_dropped.add();
  impl_->perform();
}

void Consumer::announce(std::string_view items) {
  impl_->core.announce(items);
  impl_->perform();
}

void Consumer::drain(Duration limit, std::function<void()> done) {
  if (!impl_->core.is_draining()) impl_->drain(limit, std::move(done));
}

bool Consumer::healthy() const {
  return std::ranges::any_of(impl_->connections, [](const auto& c) { return c && c->is_up(); });
}

}  // namespace parley
