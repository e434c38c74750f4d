#include "bus/deliveries.h"

#include "bus/peers.h"
#include "proto/delivery.h"
#include "proto/limits.h"

namespace parley {

// One that is larger than the whole window travels alone.
bool Deliveries::has_credit(const Peer& peer, std::size_t bytes) const {
  const DeliveryState& state = peer.deliveries;
  if (!output_.has_room(peer, bytes)) return false;
  const std::uint64_t outstanding = state.sent - state.dealt;
  const std::uint64_t outstanding_bytes = state.sent_bytes - state.dealt_bytes;
  if (outstanding == 0) return true;
  return outstanding < state.window_messages && outstanding_bytes + bytes <= state.window_bytes;
}

void Deliveries::send(Peer& to, std::string bytes) {
  ++to.deliveries.sent;
  to.deliveries.sent_bytes += bytes.size();
  ++output_.counters.deliveries;
  note(FlightPoint::broker_delivered, bytes);
  output_.send(to, std::move(bytes));
}

void Deliveries::note(FlightPoint point, std::string_view envelope) {
  for (const std::uint64_t trace : causes_of(envelope.substr(limits::envelope_header_bytes)))
    output_.flights.note({.trace = trace, .at = now_, .point = point});
}

void Deliveries::drop(std::string_view bytes) {
  ++output_.counters.deliveries_dropped;
  note(FlightPoint::broker_dropped, bytes);
}

void Deliveries::deliver(Peer& to, std::string bytes) {
  DeliveryState& state = to.deliveries;
  if (state.waiting.empty() && has_credit(to, bytes.size())) return send(to, std::move(bytes));
  if (state.waiting.size() >= options_.waiting_deliveries_max ||
      state.waiting_bytes + bytes.size() > options_.waiting_delivery_bytes_max) {
    ++state.dropped;
    return drop(bytes);
  }
  ++state.exhausted;
  ++output_.counters.delivery_credit_exhausted;
  state.waiting_bytes += bytes.size();
  state.waiting.push_back(std::move(bytes));
}

bool Deliveries::on_credit(Peer& from, std::uint64_t messages, std::uint64_t bytes) {
  DeliveryState& state = from.deliveries;
  if (messages > state.sent || bytes > state.sent_bytes) return false;
  if (messages < state.dealt || bytes < state.dealt_bytes) return true;  // older than what we know
  state.dealt = messages;
  state.dealt_bytes = bytes;
  go_on(from);
  return true;
}

void Deliveries::go_on(Peer& to) {
  DeliveryState& state = to.deliveries;
  while (!state.waiting.empty() && has_credit(to, state.waiting.front().size())) {
    std::string next = std::move(state.waiting.front());
    state.waiting.pop_front();
    state.waiting_bytes -= next.size();
    send(to, std::move(next));
  }
}

}  // namespace parley
