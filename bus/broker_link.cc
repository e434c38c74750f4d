#include "bus/broker_link.h"

#include "base/error.h"
#include "proto/bus.pb.h"

namespace parley {

BrokerLink::Step BrokerLink::on_opened(Instant now) {
  state_ = Connecting{.register_at = now + options_.register_again};
  ticked_ = now;
  return {.say = Say::register_us};
}

BrokerLink::Step BrokerLink::on_message(const EnvelopeHeader& header, std::string_view body,
                                        Instant now) {
  heard_at_ = now;
  switch (header.kind) {
    case EnvelopeKind::registered:
      return on_registered(body, now);
    case EnvelopeKind::not_registered:
      return on_turned_away(header, now);
    case EnvelopeKind::ping:
      return {.say = Say::pong};
    default:
      return {};
  }
}

BrokerLink::Step BrokerLink::on_registered(std::string_view body, Instant now) {
  wire::Registered registered;
  if (!registered.ParseFromArray(body.data(), static_cast<int>(body.size()))) return {};
  if (const Up* up = std::get_if<Up>(&state_)) {
    // A REGISTER that we repeated was late: the broker had given us up, and what either side counted since the
    // first belongs to another registration.
    return up->registration == registered.registration() ? Step{} : go_down();
  }
  if (!std::holds_alternative<Connecting>(state_)) return {};
  broker_ = instance_id(registered.broker()).value;
  pinged_at_ = now;
  state_ = Up{registered.registration()};
  return {.change = Change::up};
}

BrokerLink::Step BrokerLink::on_turned_away(const EnvelopeHeader& header, Instant now) {
  if (auto* connecting = std::get_if<Connecting>(&state_)) {
    refusal_ = header.error;
    connecting->register_at = now + backoff(connecting->refusals++, options_.refused_wait_min * 2,
                                            options_.refused_wait_max, random_);
    return {};
  }
  const bool goes_away = header.error == static_cast<std::uint16_t>(Errc::going_away);
  if (!goes_away) return is_registered() ? go_down() : Step{};
  if (!is_up()) return {};
  state_ = Leaving{};
  return {.change = Change::leaving};
}

BrokerLink::Step BrokerLink::on_connected() {
  const bool connecting = std::holds_alternative<Connecting>(state_);
  return {.say = connecting ? Say::register_us : Say::nothing};
}

BrokerLink::Step BrokerLink::on_disconnected() { return is_registered() ? go_down() : Step{}; }

BrokerLink::Step BrokerLink::on_tick(Instant now, bool alive) {
  // Ticks stopped: we stood still ourselves, which says nothing about the broker.
  if (now - ticked_ >= options_.ping_every) heard_at_ = now;
  ticked_ = now;
  if (auto* connecting = std::get_if<Connecting>(&state_)) {
    if (now < connecting->register_at || !alive) return {};
    connecting->register_at = now + options_.register_again;
    return {.say = Say::register_us};
  }
  if (!is_registered()) return {};
  const Duration silence = now - heard_at_;
  if (silence >= options_.dead_after) return go_down();
  if (!alive || silence < options_.ping_every || now - pinged_at_ < options_.ping_every) return {};
  pinged_at_ = now;
  return {.say = Say::ping};
}

BrokerLink::Step BrokerLink::go_down() {
  state_ = Down{};
  return {.change = Change::down};
}

}  // namespace parley
