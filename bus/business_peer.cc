#include "bus/business_peer.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "base/random.h"
#include "bus/broker_connection.h"
#include "bus/consumer_core.h"
#include "bus/flight_log.h"
#include "bus/publisher_core.h"
#include "proto/app_name.h"
#include "proto/bus.pb.h"
#include "proto/delivery.h"
#include "proto/limits.h"
#include "proto/trace_text.h"

namespace parley {
namespace {

constexpr Duration tick_every = 50ms;
constexpr Duration drain_check_every = 10ms;
constexpr Duration goodbye_linger = 1s;
constexpr Duration drain_limit = 10s;     // when an operator wants it
constexpr std::size_t outbox_slack = 64;  // registrations, pings, credit, DRAIN

}  // namespace

struct BusinessPeer::Impl : std::enable_shared_from_this<BusinessPeer::Impl> {
  Impl(Loop& loop_in, BusinessPeerOptions options_in, Metrics& metrics);
  std::string registration() const;
  void connect(std::size_t broker);
  void on_up(std::size_t broker);
  void on_message(std::size_t broker, const EnvelopeHeader& header, std::string bytes);
  void on_request(std::size_t broker, const EnvelopeHeader& header, std::string_view body);
  void on_reply(const EnvelopeHeader& header, std::string_view body);
  void on_delivery(std::size_t broker, std::string_view body);
  void answer(const BusRequest& request, const EnvelopeHeader& header, std::string_view body);
  void finish(const EnvelopeHeader& header, std::string_view body);
  void perform();
  void tick();
  void drain(Duration limit, std::function<void()> done);
  void check_drained();
  void give_up_asks();

  Loop& loop;
  BusinessPeerOptions options;
  InstanceId instance;
  BootId boot;
  PublisherCore asking;
  ConsumerCore serving;
  FlightLog flight;
  std::map<std::string, OnRequest> apps;
  std::unordered_map<std::uint64_t, OnRequest*> by_target;
  std::unordered_map<std::uint64_t, OnAnswer> awaited;  // by number; bounded by asks_max
  std::map<std::uint16_t, OnNotice> listeners;
  std::vector<std::function<void()>> connected;
  ZmqContext context;
  std::vector<std::unique_ptr<BrokerConnection>> links;
  Timer ticks;
  Timer drain_timer;
  std::function<void()> drained;

  Counter asked, requests, stale_answers, deliveries;
};

BusinessPeer::Impl::Impl(Loop& loop_in, BusinessPeerOptions options_in, Metrics& metrics)
    : loop(loop_in),
      options(std::move(options_in)),
      instance(instance_id(options.instance)),
      boot(secure_random_id()),
      asking({.instance = instance,
              .boot = boot,
              .brokers = options.brokers.size(),
              .pending_max = options.asks_max,
              .pending_bytes_max = options.asks_bytes_max,
              .request_timeout = options.answer_within}),
      serving({.brokers = options.brokers.size(),
               .credit_messages = options.credit_messages,
               .waiting_deliveries_max = 0}),
      flight(options.instance),
      ticks(loop, [this] { tick(); }),
      drain_timer(loop, [this] { check_drained(); }),
      asked(metrics.counter("parley_business_asked_total", "requests to Parley")),
      requests(metrics.counter("parley_business_requests_total", "clients' requests received")),
      stale_answers(metrics.counter("parley_business_stale_answers_total",
                                    "answers dropped: the request was given to another")),
      deliveries(metrics.counter("parley_business_deliveries_total", "deliveries received")) {}

std::string BusinessPeer::Impl::registration() const {
  wire::RegisterPeer body;
  body.set_role(wire::PEER_ROLE_BUSINESS);
  body.set_name(options.instance);
  for (const auto& [app, handler] : apps) body.add_apps(app);
  if (!apps.empty()) {
    body.set_credit_messages(options.credit_messages);
    body.set_credit_bytes(options.credit_bytes);
  }
  if (!listeners.empty()) {
    body.set_delivery_messages(options.deliveries.messages);
    body.set_delivery_bytes(options.deliveries.bytes);
  }
  body.set_answers_traces(true);
  return body.SerializeAsString();
}

void BusinessPeer::Impl::connect(std::size_t broker) {
  links.push_back(std::make_unique<BrokerConnection>(
      loop, context,
      BrokerConnection::Options{
          .endpoint = options.brokers[broker],
          .identity_letter = 'b',
          .registration = registration(),
          .instance = instance,
          .boot = boot,
          .outbox_max = options.asks_max + options.credit_messages + outbox_slack,
          .at_loss = BrokerConnection::AtLoss::read,  // answers
          .deliveries = options.deliveries},
      BrokerConnection::Handlers{
          .on_up = [this, broker] { on_up(broker); },
          .on_leaving = [this, broker] { asking.on_leaving(broker); },
          .on_down =
              [this, broker] {
                serving.on_down(broker, loop.now());
                asking.on_down(broker, loop.now());
                perform();
              },
          .on_message = [this, broker](
                            const EnvelopeHeader& header,
                            std::string bytes) { on_message(broker, header, std::move(bytes)); }}));
}

void BusinessPeer::Impl::on_up(std::size_t broker) {
  serving.on_up(broker, links[broker]->broker());
  asking.on_up(broker, links[broker]->broker(), loop.now());
  perform();
  for (const auto& handler : connected) handler();
}

void BusinessPeer::Impl::on_message(std::size_t broker, const EnvelopeHeader& header,
                                    std::string bytes) {
  const std::string_view body = std::string_view(bytes).substr(limits::envelope_header_bytes);
  switch (header.kind) {
    case EnvelopeKind::request: return on_request(broker, header, body);
    case EnvelopeKind::reply: return on_reply(header, body);
    case EnvelopeKind::not_registered:
      asking.on_refused(broker, header.id, loop.now());
      return perform();
    case EnvelopeKind::deliver:
      deliveries.add();
      return on_delivery(broker, body);
    case EnvelopeKind::drain:
      if (options.on_drain) return options.on_drain();
      return drain(drain_limit, nullptr);
    case EnvelopeKind::trace_query:
      links[broker]->send(flight.answer(header, body));
      return;
    default: return;
  }
}

void BusinessPeer::Impl::on_request(std::size_t broker, const EnvelopeHeader& header,
                                    std::string_view body) {
  requests.add();
  flight.note(FlightPoint::business_received, header);
  BusRequest request = serving.on_request(broker, header, std::string(body));
  const auto app = by_target.find(header.target);
  if (header.verb != static_cast<std::uint16_t>(Verb::app_request) || app == by_target.end())
    return answer(request, {.error = static_cast<std::uint16_t>(Errc::no_service)}, {});
  AppRequest asked_of_us{.id = header.id,
                         .user = header.user,
                         .device = header.device,
                         .attempt = header.attempt,
                         .ttl_ms = header.ttl_ms,
                         .trace = header.trace,
                         .body = std::exchange(request.body, {})};
  AppAnswer right([weak = weak_from_this(), request = std::move(request)](
                      const EnvelopeHeader& reply, std::string_view reply_body) {
    if (const auto self = weak.lock()) self->answer(request, reply, reply_body);
  });
  (*app->second)(std::move(asked_of_us), std::move(right));
}

void BusinessPeer::Impl::answer(const BusRequest& request, const EnvelopeHeader& header,
                                std::string_view body) {
  if (!serving.reply(request, header, body)) stale_answers.add();
  EnvelopeHeader answered = request.header;
  answered.error = header.error;
  flight.note(FlightPoint::business_replied, answered);
  perform();
}

void BusinessPeer::Impl::on_reply(const EnvelopeHeader& header, std::string_view body) {
  const bool is_awaited = asking.on_reply(header, loop.now());
  perform();
  if (is_awaited) finish(header, body);
}

void BusinessPeer::Impl::finish(const EnvelopeHeader& header, std::string_view body) {
  auto waiting = awaited.extract(header.id.number);
  if (waiting.empty()) return;
  flight.note(FlightPoint::business_got_answer, header);
  if (header.error == 0) return waiting.mapped()(std::string(body));
  const Errc code = errc_from(header.error).value_or(Errc::internal);
  waiting.mapped()(fail(code, "the server's answer to " + trace_text(header.trace),
                        header.retry_after_ms));
}

void BusinessPeer::Impl::on_delivery(std::size_t broker, std::string_view body) {
  const auto items = decode_deliveries(body);
  if (!items) return log::warn("bus.malformed", {{"broker", options.brokers[broker].address}});
  for (const DeliveryItem& item : *items) {
    const auto listener = listeners.find(item.notice);
    if (listener != listeners.end()) listener->second(item.notice, item.target);
  }
}

void BusinessPeer::Impl::perform() {
  // What finds an outbox full is repeated: asks by PublisherCore, answers because the broker asks again.
  for (auto& [broker, bytes] : asking.take_sends())
    links[broker]->send(std::move(bytes));
  for (auto& answer : serving.take_sends()) {
    // Only who serves has something to drain; from others a broker does not expect it.
    if (answer.what == ConsumerCore::What::control && apps.empty()) continue;
    links[answer.broker]->send(std::move(answer.bytes));
  }
}

void BusinessPeer::Impl::tick() {
  asking.on_tick(loop.now());
  perform();
  for (const auto& late : asking.take_expired()) finish(late.header, {});
}

void BusinessPeer::Impl::drain(Duration limit, std::function<void()> done) {
  if (serving.is_draining()) return;
  drained = std::move(done);
  for (const auto& link : links) link->register_no_more();
  serving.drain(loop.now() + limit);
  perform();
  // Requests that are on their way while DRAIN travels still arrive within the first interval.
  drain_timer.every(drain_check_every);
}

void BusinessPeer::Impl::check_drained() {
  if (!serving.is_drained(awaited.empty(), loop.now())) return;
  drain_timer.stop();
  ticks.stop();
  for (const auto& link : links) link->leave(goodbye_linger);
  give_up_asks();
  const auto done = std::exchange(drained, nullptr);
  if (done) done();
}

// The limit has passed: whether they happen nobody here will learn.
void BusinessPeer::Impl::give_up_asks() {
  for (auto& [number, on_answer] : std::exchange(awaited, {}))
    on_answer(fail(Errc::retry_later, "drained before the answer"));
}

AppAnswer::~AppAnswer() {
  if (sink_) refuse(Errc::internal);
}

void AppAnswer::reply(std::string_view body) {
  if (body.size() > limits::frame_body_max) return refuse(Errc::too_large);
  give({}, body);
}

void AppAnswer::refuse(Errc code, std::uint32_t retry_after_ms) {
  give({.error = static_cast<std::uint16_t>(code),
        .retry_after_ms = is_retryable(code) ? retry_after_ms : 0},
       {});
}

void AppAnswer::give(const EnvelopeHeader& header, std::string_view body) {
  const Sink sink = std::exchange(sink_, nullptr);
  PARLEY_ASSERT(sink);  // answered twice, or moved from
  sink(header, body);
}

BusinessPeer::BusinessPeer(Loop& loop, BusinessPeerOptions options, Metrics& metrics)
    : impl_(std::make_shared<Impl>(loop, std::move(options), metrics)) {}

BusinessPeer::~BusinessPeer() = default;

void BusinessPeer::serve(std::string app, OnRequest handler) {
  PARLEY_ASSERT(is_app_name(app) && impl_->links.empty());
  const std::uint64_t target = app_target(app);
  impl_->by_target[target] = &(impl_->apps[std::move(app)] = std::move(handler));
}

void BusinessPeer::listen(Notice notice, OnNotice handler) {
  PARLEY_ASSERT(impl_->links.empty());  // the registration says whether deliveries are wanted
  impl_->listeners[static_cast<std::uint16_t>(notice)] = std::move(handler);
}

void BusinessPeer::when_connected(std::function<void()> handler) {
  impl_->connected.push_back(std::move(handler));
}

void BusinessPeer::start() {
  PARLEY_ASSERT(impl_->links.empty());
  impl_->links.reserve(impl_->options.brokers.size());
  for (std::size_t i = 0; i < impl_->options.brokers.size(); ++i) impl_->connect(i);
  impl_->ticks.every(tick_every);
}

Result<std::uint64_t> BusinessPeer::ask(Verb verb, std::uint64_t key, std::string_view body,
                                        OnAnswer on_answer) {
  if (impl_->serving.is_draining()) return fail(Errc::going_away, "draining");
  const EnvelopeHeader header{.verb = static_cast<std::uint16_t>(verb),
                              .key = key,
                              .trace = secure_random_id()};
  PARLEY_TRY(const std::uint64_t number, impl_->asking.publish(header, body, impl_->loop.now()));
  impl_->asked.add();
  impl_->flight.note(FlightPoint::business_asked, header);
  impl_->awaited.emplace(number, std::move(on_answer));
  impl_->perform();
  return header.trace;
}

void BusinessPeer::drain(Duration limit, std::function<void()> done) {
  impl_->drain(limit, std::move(done));
}

std::size_t BusinessPeer::brokers_up() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      impl_->links, [](const auto& link) { return link->is_up(); }));
}

Loop& BusinessPeer::loop() { return impl_->loop; }
const std::string& BusinessPeer::name() const { return impl_->options.instance; }
InstanceId BusinessPeer::instance() const { return impl_->instance; }

}  // namespace parley
