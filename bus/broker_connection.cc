#include "bus/broker_connection.h"

#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "base/random.h"
#include "bus/batch.h"

namespace parley {
namespace {
constexpr Duration tick_every = 100ms;
constexpr std::size_t budget = 128;  // messages per turn
constexpr Duration again_after_refusal = 1s;
constexpr Duration tell_again_after = 60s;
}  // namespace

BrokerConnection::BrokerConnection(Loop& loop, ZmqContext& context, Options options,
                                   Handlers handlers)
    : loop_(loop),
      context_(context),
      options_(std::move(options)),
      handlers_(std::move(handlers)),
      core_({.registration = options_.registration,
             .instance = options_.instance,
             .outbox_max = options_.outbox_max,
             .is_alive = handlers_.is_alive,
             .deliveries = options_.deliveries},
            secure_random_id()),
      random_(secure_random_id()),
      ticks_(loop, [this] { tick(); }),
      reopening_(loop, [this] { open(); }) {
  const BusEndpoint& broker = options_.endpoint;
  if (!broker.curve && broker.address.starts_with("tcp://"))
    log::warn("bus.unprotected_address", {{"broker", broker.address}});
  open();
  ticks_.every(tick_every);
}

void BrokerConnection::open() {
  socket_.reset();
  monitor_.reset();

  ZmqSocket socket = ZmqSocket::dealer(
      context_,
      {.identity = fresh_identity(options_.identity_letter),
       .send_hwm = options_.send_hwm,
       .receive_hwm = options_.receive_hwm,
       .curve = options_.endpoint.curve});
  ZmqSocket events = socket.monitor(context_);
  if (const Status status = socket.connect(options_.endpoint.address); !status)
    log::error("bus.bad_endpoint", {{"detail", status.error().detail}});
  socket_ = std::make_unique<UvSocket>(
      loop_, std::move(socket), budget,
      UvSocket::Handlers{.read_one = [this](ZmqSocket& zmq) { return read_one(zmq); },
                         .before_block = [this](ZmqSocket& zmq) { return flush(zmq); }});
  monitor_ = std::make_unique<UvSocket>(loop_, std::move(events), budget,
                                        UvSocket::Handlers{.read_one = [this](ZmqSocket& zmq) {
                                          const auto event = zmq.receive_event();
                                          if (event == ConnectionEvent::connected)
                                            perform(core_.on_connected());
                                          if (event == ConnectionEvent::disconnected) lose();
                                          if (event == ConnectionEvent::refused) on_refused();
                                          return event.has_value();
                                        }});
  perform(core_.on_opened(options_.boot.value_or(BootId{secure_random_id()}), loop_.now()));
}

bool BrokerConnection::read_one(ZmqSocket& socket) {
  if (core_.needs_socket() || !socket.receive(incoming_)) return false;
  const bool whole =
      unpack(std::move(incoming_.bytes), [this](std::string bytes) { take(std::move(bytes)); });
  if (!whole) log::warn("bus.malformed", {{"broker", options_.endpoint.address}});
  return true;
}

void BrokerConnection::take(std::string bytes) {
  const auto envelope = decode_envelope(bytes);
  if (!envelope) return log::warn("bus.malformed", {{"broker", options_.endpoint.address}});
  const auto received = core_.on_message(*envelope, loop_.now());
  perform(received.change);
  if (received.for_owner) handlers_.on_message(envelope->header, std::move(bytes));
}

bool BrokerConnection::send(std::string bytes, std::size_t waiting_max) {
  if (!core_.send(std::move(bytes), waiting_max)) return false;
  socket_->for_sending();  // if this turn's flush is past, there will be another turn at once
  return true;
}

bool BrokerConnection::flush(ZmqSocket& socket) {
  auto& outbox = core_.outbox();
  if (outbox.empty()) return false;
  while (!outbox.empty()) {
    auto rest = outbox.begin();
    if (socket.send(pack(rest, outbox.end(), batch_)) != SendStatus::sent) break;
    outbox.erase(outbox.begin(), rest);
  }
  return true;
}

void BrokerConnection::register_no_more() { core_.register_no_more(); }

void BrokerConnection::leave(Duration linger) {
  core_.leave();
  left_ = true;
  ticks_.stop();
  reopening_.stop();
  flush(socket_->for_sending());
  socket_->for_sending().set_linger(linger);
}

void BrokerConnection::lose() {
  if (options_.at_loss == AtLoss::read) socket_->read_now(100 * budget);
  perform(core_.on_disconnected());
}

// The keys do not fit, today: an operator may be about to change that.
void BrokerConnection::on_refused() {
  if (left_) return;
  reopening_.once(random_.between(again_after_refusal / 2, again_after_refusal));
  if (refusal_told_ && loop_.now() - *refusal_told_ < tell_again_after) return;
  refusal_told_ = loop_.now();
  log::warn("bus.keys_refused", {{"broker", options_.endpoint.address}});
}

// Silence is judged only after everything that waits was read: it may be the sign of life.
void BrokerConnection::tick() {
  if (core_.needs_socket()) return;
  socket_->read_now(10 * budget);
  perform(core_.on_tick(loop_.now()));
}

void BrokerConnection::perform(ConnectionCore::Change change) {
  switch (change) {
    case ConnectionCore::Change::none: break;
    case ConnectionCore::Change::up:
      log::info("bus.connected", {{"broker", options_.endpoint.address}});
      handlers_.on_up();
      break;
    case ConnectionCore::Change::leaving:
      log::info("bus.broker_drains", {{"broker", options_.endpoint.address}});
      handlers_.on_leaving();
      break;
    case ConnectionCore::Change::down:
      log::warn("bus.lost", {{"broker", options_.endpoint.address}});
      reopening_.once(0ms);  // not here: a handler of the socket may be running
      handlers_.on_down();
      break;
  }
  if (const auto refusal = core_.take_refusal())
    log::warn("bus.refused", {{"broker", options_.endpoint.address}, {"error", *refusal}});
  if (!core_.outbox().empty()) socket_->for_sending();
}

}  // namespace parley
