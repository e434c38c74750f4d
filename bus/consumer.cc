#include "bus/consumer.h"

#include <algorithm>
#include <utility>

#include "bus/broker_connection.h"
#include "bus/rendezvous.h"
#include "proto/bus.pb.h"
#include "proto/limits.h"

namespace parley {
namespace {

constexpr Duration drain_check_every = 10ms;
constexpr Duration goodbye_linger = 1s;
// Deliveries are hints: when so many messages wait for a broker the newest delivery is dropped, so
// that the rest of the outbox is for replies, which credit bounds.
constexpr std::size_t waiting_deliveries_max = 8'192;
constexpr std::size_t outbox_slack = 64;

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
  void connect(const std::string& endpoint, std::uint32_t via);
  void on_message(std::uint32_t via, const EnvelopeHeader& header, std::string bytes);
  void reply(const BusRequest& request, EnvelopeHeader header, std::string_view body);
  void deliver(InstanceId gateway, std::uint64_t key, std::string_view items);
  void announce(std::string_view items);
  void deliver_by(BrokerConnection& connection, std::string bytes);
  BrokerConnection* chosen(std::uint64_t key);
  void check_drained();
  void leave();

  struct Link {
    std::unique_ptr<BrokerConnection> connection;
    std::size_t unanswered = 0;  // of the present epoch
  };

  Loop& loop;
  ConsumerOptions options;
  Handlers handlers;
  ZmqContext context;
  std::vector<Link> links;

  bool draining = false;
  Instant drain_until;
  std::function<void()> drained;
  Timer drain_timer;

  Counter requests, replies, stale_replies, deliveries, deliveries_dropped, unreachable;
};

Consumer::Impl::Impl(Loop& loop_in, ConsumerOptions options_in, Handlers handlers_in,
                     Metrics& metrics)
    : loop(loop_in),
      options(std::move(options_in)),
      handlers(std::move(handlers_in)),
      drain_timer(loop, [this] { check_drained(); }),
      requests(metrics.counter("parley_consumer_requests_total", "requests received")),
      replies(metrics.counter("parley_consumer_replies_total", "replies sent")),
      stale_replies(metrics.counter("parley_consumer_stale_replies_total",
                                    "replies dropped: their broker's connection was lost")),
      deliveries(metrics.counter("parley_consumer_deliveries_total", "deliveries sent")),
      deliveries_dropped(metrics.counter("parley_consumer_deliveries_dropped_total",
                                         "deliveries dropped: no broker, or too many waiting")),
      unreachable(metrics.counter("parley_consumer_unreachable_total",
                                  "deliveries whose gateway is gone")) {
  links.resize(options.brokers.size());
  for (std::uint32_t via = 0; via < links.size(); ++via) connect(options.brokers[via], via);
}

void Consumer::Impl::connect(const std::string& endpoint, std::uint32_t via) {
  links[via].connection = std::make_unique<BrokerConnection>(
      loop, context,
      BrokerConnection::Options{
          .endpoint = endpoint,
          .identity_letter = 'w',
          .registration = registration(options),
          .instance = instance_id(options.instance),
          .boot = std::nullopt,  // a new connection is a new incarnation: the former holds nothing
          .outbox_max = waiting_deliveries_max + options.credit_messages + outbox_slack,
          .at_loss = BrokerConnection::AtLoss::drop},  // requests that go elsewhere now
      BrokerConnection::Handlers{
          .on_up =
              [this, via] {
                links[via].unanswered = 0;
                if (draining)  // the REGISTER was on its way
                  links[via].connection->send(
                      encode(EnvelopeHeader{.kind = EnvelopeKind::drain}, {}));
              },
          .on_leaving = [] {},
          .on_down = [this, via] { links[via].unanswered = 0; },
          .on_message = [this, via](
                            const EnvelopeHeader& header,
                            std::string bytes) { on_message(via, header, std::move(bytes)); },
          .is_alive = handlers.is_alive ? handlers.is_alive : [] { return true; }});
}

void Consumer::Impl::on_message(std::uint32_t via, const EnvelopeHeader& header,
                                std::string bytes) {
  if (header.kind == EnvelopeKind::request) {
    requests.add();
    ++links[via].unanswered;
    bytes.erase(0, limits::envelope_header_bytes);
    handlers.on_request(BusRequest{.header = header,
                                   .body = std::move(bytes),
                                   .via = via,
                                   .via_epoch = links[via].connection->epoch()});
  } else if (header.kind == EnvelopeKind::unreachable) {
    unreachable.add();
    handlers.on_unreachable(header.id.gateway,
                            std::string_view(bytes).substr(limits::envelope_header_bytes));
  }
}

void Consumer::Impl::reply(const BusRequest& request, EnvelopeHeader header,
                           std::string_view body) {
  Link& link = links[request.via];
  if (request.via_epoch != link.connection->epoch() || !link.connection->is_registered()) {
    stale_replies.add();  // that broker has given the request to somebody else
    return;
  }
  --link.unanswered;
  header.kind = EnvelopeKind::reply;
  header.id = request.header.id;
  header.verb = request.header.verb;
  header.trace = request.header.trace;
  if (link.connection->send(encode(header, body)))
    replies.add();
  else
    stale_replies.add();
}

BrokerConnection* Consumer::Impl::chosen(std::uint64_t key) {
  BrokerConnection* best = nullptr;
  std::uint64_t best_weight = 0;
  for (const Link& link : links) {
    if (!link.connection->is_registered()) continue;
    const std::uint64_t weight = rendezvous_weight(link.connection->broker(), key);
    if (best != nullptr && weight <= best_weight) continue;
    best = link.connection.get();
    best_weight = weight;
  }
  return best;
}

void Consumer::Impl::deliver(InstanceId gateway, std::uint64_t key, std::string_view items) {
  const EnvelopeHeader header{
      .kind = EnvelopeKind::deliver, .key = key, .id = {.gateway = gateway}};
  BrokerConnection* best = chosen(key);
  if (best == nullptr) return deliveries_dropped.add();
  deliver_by(*best, encode(header, items));
}

void Consumer::Impl::announce(std::string_view items) {
  for (const Link& link : links)
    if (link.connection->is_registered())
      deliver_by(*link.connection, encode({.kind = EnvelopeKind::deliver}, items));
}

void Consumer::Impl::deliver_by(BrokerConnection& connection, std::string bytes) {
  if (connection.outbox_size() >= waiting_deliveries_max) return deliveries_dropped.add();
  connection.send(std::move(bytes));
  deliveries.add();
}

void Consumer::Impl::check_drained() {
  const bool answered =
      std::ranges::all_of(links, [](const Link& link) { return link.unanswered == 0; });
  const bool finished = answered && (!handlers.is_idle || handlers.is_idle());
  if (!finished && loop.now() < drain_until) return;
  drain_timer.stop();
  for (const Link& link : links) link.connection->leave(goodbye_linger);
  const auto done = std::exchange(drained, nullptr);
  if (done) done();
}

Consumer::Consumer(Loop& loop, ConsumerOptions options, Handlers handlers, Metrics& metrics)
    : impl_(std::make_unique<Impl>(loop, std::move(options), std::move(handlers), metrics)) {}

Consumer::~Consumer() = default;

void Consumer::reply(const BusRequest& request, EnvelopeHeader header, std::string_view body) {
  impl_->reply(request, header, body);
}

void Consumer::deliver(InstanceId gateway, std::uint64_t key, std::string_view items) {
  impl_->deliver(gateway, key, items);
}

void Consumer::announce(std::string_view items) { impl_->announce(items); }

void Consumer::drain(Duration limit, std::function<void()> done) {
  if (std::exchange(impl_->draining, true)) return;
  impl_->drained = std::move(done);
  impl_->drain_until = impl_->loop.now() + limit;
  for (const auto& link : impl_->links) {
    link.connection->register_no_more();
    if (link.connection->is_registered())
      link.connection->send(encode(EnvelopeHeader{.kind = EnvelopeKind::drain}, {}));
  }
  // Requests that are on their way while DRAIN travels still arrive within the first interval.
  impl_->drain_timer.every(drain_check_every);
}

bool Consumer::healthy() const {
  return std::ranges::any_of(impl_->links,
                             [](const auto& link) { return link.connection->is_up(); });
}

}  // namespace parley
