#include "bus/connection_core.h"

#include <algorithm>
#include <utility>

#include "proto/limits.h"

namespace parley {

ConnectionCore::Change ConnectionCore::on_opened(BootId boot, Instant now) {
  outbox_.clear();
  needs_socket_ = said_who_we_are_ = false;
  boot_ = boot;
  return perform(link_.on_opened(now));
}

ConnectionCore::Change ConnectionCore::on_connected() { return perform(link_.on_connected()); }

ConnectionCore::Change ConnectionCore::on_disconnected() {
  if (left_ || needs_socket_) return Change::none;
  if (link_.is_registered()) return perform(link_.on_disconnected());
  // A broker may have heard us and sent what is lost now; it would not know if we came back with the same
  // identity. Where REGISTER could not leave, ZeroMQ tries again by itself.
  if (!said_who_we_are_ || !outbox_.empty()) return Change::none;
  needs_socket_ = true;
  return Change::down;
}

ConnectionCore::Received ConnectionCore::on_message(const Envelope& envelope, Instant now) {
  if (left_ || needs_socket_) return {};
  const Change change =
      perform(link_.on_message(envelope.header, envelope.body, now), envelope.header.id);
  const bool is_registered = link_.is_registered();
  if (is_registered && envelope.header.kind == EnvelopeKind::deliver)
    grant(meter_.on_delivery(limits::envelope_header_bytes + envelope.body.size()));
  return {change, is_registered};
}

void ConnectionCore::grant(std::optional<DeliveryMeter::Grant> grant) {
  if (!grant || !link_.is_registered()) return;
  const EnvelopeHeader credit{.kind = EnvelopeKind::credit,
                              .id = {.number = grant->messages},
                              .target = grant->bytes};
  // No room: a later grant says more. Without any the broker would not send the deliveries that make one due.
  if (send(encode(credit, {}))) meter_.on_told();
}

ConnectionCore::Change ConnectionCore::on_tick(Instant now) {
  if (left_ || needs_socket_) return Change::none;
  if (options_.is_alive()) grant(meter_.on_tick());
  return perform(link_.on_tick(now, options_.is_alive()));
}

bool ConnectionCore::send(std::string bytes, std::size_t waiting_max) {
  if (outbox_.size() >= std::min(waiting_max, options_.outbox_max)) return false;
  outbox_.push_back(std::move(bytes));
  return true;
}

void ConnectionCore::register_no_more() {
  may_register_ = false;
  if (!link_.is_registered()) outbox_.clear();
}

void ConnectionCore::leave() {
  if (link_.is_registered())
    outbox_.push_back(encode(EnvelopeHeader{.kind = EnvelopeKind::bye}, {}));
  left_ = true;
}

ConnectionCore::Change ConnectionCore::perform(BrokerLink::Step step, const RequestId& asked) {
  if (left_) return Change::none;
  switch (step.say) {
    case BrokerLink::Say::nothing: break;
    case BrokerLink::Say::register_us: register_us(); break;
    case BrokerLink::Say::ping: send(encode(EnvelopeHeader{.kind = EnvelopeKind::ping}, {})); break;
    case BrokerLink::Say::pong:
      if (options_.is_alive())
        send(encode(EnvelopeHeader{.kind = EnvelopeKind::pong, .id = asked}, {}));
      break;
  }
  if (step.change == Change::up) meter_.restart();
  if (step.change == Change::down) needs_socket_ = true;
  return step.change;
}

void ConnectionCore::register_us() {
  outbox_.clear();  // an earlier REGISTER that could not be sent
  // A process that hangs would be given requests only to lose them again; when it lives, a tick registers it.
  if (!may_register_ || !options_.is_alive()) return;
  said_who_we_are_ = true;
  send(encode(EnvelopeHeader{.kind = EnvelopeKind::register_peer,
                             .id = {.gateway = options_.instance, .boot = boot_}},
              options_.registration));
}

}  // namespace parley
