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
}  // namespace

BrokerConnection::BrokerConnection(Loop& loop, ZmqContext& context, Options options,
                                   Handlers handlers)
    : loop_(loop),
      context_(context),
      options_(std::move(options)),
      handlers_(std::move(handlers)),
      link_(LinkOptions{}, secure_random_id()),
      ticks_(loop, [this] { tick(); }),
      reopening_(loop, [this] { open(); }) {
  open();
  ticks_.every(tick_every);
}

void BrokerConnection::open() {
  monitor_.reset();
  socket_.reset();
  outbox_.clear();
  reopen_ = false;
  ++epoch_;
  boot_ = options_.boot.value_or(BootId{secure_random_id()});

  ZmqSocket socket = ZmqSocket::dealer(
      context_,
      {.identity = fresh_identity(options_.identity_letter),
       .send_hwm = options_.send_hwm,
       .receive_hwm = options_.receive_hwm});
  ZmqSocket events = socket.monitor(context_);
  if (const Status status = socket.connect(options_.endpoint); !status)
    log::error("bus.bad_endpoint", {{"detail", status.error().detail}});
  socket_ = std::make_unique<UvSocket>(
      loop_, std::move(socket), budget,
      UvSocket::Handlers{.read_one = [this](ZmqSocket& zmq) { return read_one(zmq); },
                         .before_block = [this](ZmqSocket& zmq) { return flush(zmq); }});
  monitor_ = std::make_unique<UvSocket>(loop_, std::move(events), budget,
                                        UvSocket::Handlers{.read_one = [this](ZmqSocket& zmq) {
                                          const auto event = zmq.receive_event();
                                          if (event == ConnectionEvent::connected)
                                            perform(link_.on_connected());
                                          if (event == ConnectionEvent::disconnected) lose();
                                          return event.has_value();
                                        }});
  perform(link_.on_opened(loop_.now()));
}

bool BrokerConnection::read_one(ZmqSocket& socket) {
  if (reopen_ || !socket.receive(incoming_)) return false;
  const bool whole = unpack(incoming_.bytes, [this](std::string_view bytes) { take(bytes); });
  if (!whole) log::warn("bus.malformed", {{"broker", options_.endpoint}});
  return true;
}

void BrokerConnection::take(std::string_view bytes) {
  if (left_ || reopen_) return;
  const auto envelope = decode_envelope(bytes);
  if (!envelope) return log::warn("bus.malformed", {{"broker", options_.endpoint}});
  perform(link_.on_message(envelope->header, envelope->body, loop_.now()));
  if (link_.is_registered()) handlers_.on_message(envelope->header, std::string(bytes));
}

bool BrokerConnection::send(std::string bytes) {
  if (outbox_.size() >= options_.outbox_max) return false;
  outbox_.push_back(std::move(bytes));
  socket_->for_sending();  // if this turn's flush is past, there will be another turn at once
  return true;
}

bool BrokerConnection::flush(ZmqSocket& socket) {
  if (outbox_.empty()) return false;
  while (!outbox_.empty()) {
    const auto rest = pack(outbox_.begin(), outbox_.end(), outgoing_);
    if (socket.send(outgoing_) != SendStatus::sent) break;
    outbox_.erase(outbox_.begin(), rest);
  }
  return true;
}

void BrokerConnection::register_no_more() {
  may_register_ = false;
  if (!link_.is_registered()) outbox_.clear();
}

void BrokerConnection::leave(Duration linger) {
  if (link_.is_registered())
    outbox_.push_back(encode(EnvelopeHeader{.kind = EnvelopeKind::bye}, {}));
  left_ = true;
  ticks_.stop();
  reopening_.stop();
  flush(socket_->for_sending());
  socket_->for_sending().set_linger(linger);
}

void BrokerConnection::lose() {
  if (options_.at_loss == AtLoss::read) socket_->read_now(100 * budget);
  perform(link_.on_disconnected());
}

// Silence is judged only after everything that waits was read: it may be the sign of life.
void BrokerConnection::tick() {
  if (reopen_) return;
  socket_->read_now(10 * budget);
  if (!reopen_) perform(link_.on_tick(loop_.now(), handlers_.is_alive()));
}

void BrokerConnection::perform(BrokerLink::Step step) {
  if (left_) return;
  switch (step.say) {
    case BrokerLink::Say::nothing: break;
    case BrokerLink::Say::register_us: register_us(); break;
    case BrokerLink::Say::ping: send(encode(EnvelopeHeader{.kind = EnvelopeKind::ping}, {})); break;
    case BrokerLink::Say::pong:
      if (handlers_.is_alive()) send(encode(EnvelopeHeader{.kind = EnvelopeKind::pong}, {}));
      break;
  }
  switch (step.change) {
    case BrokerLink::Change::none: break;
    case BrokerLink::Change::up:
      log::info("bus.connected", {{"broker", options_.endpoint}});
      handlers_.on_up();
      break;
    case BrokerLink::Change::leaving:
      log::info("bus.broker_drains", {{"broker", options_.endpoint}});
      handlers_.on_leaving();
      break;
    case BrokerLink::Change::down:
      log::warn("bus.lost", {{"broker", options_.endpoint}});
      reopen_ = true;
      reopening_.once(0ms);  // not here: a handler of the socket may be running
      handlers_.on_down();
      break;
  }
  if (const auto refusal = link_.take_refusal())
    log::warn("bus.refused", {{"broker", options_.endpoint}, {"error", *refusal}});
}

void BrokerConnection::register_us() {
  outbox_.clear();  // an earlier REGISTER that could not be sent
  // A process that hangs would be given requests only to lose them again; when it lives, a tick registers it.
  if (!may_register_ || !handlers_.is_alive()) return;
  send(encode(EnvelopeHeader{.kind = EnvelopeKind::register_peer,
                             .id = {.gateway = options_.instance, .boot = boot_}},
              options_.registration));
}

}  // namespace parley
