// What workers tell gateways and business systems goes out within the credit that those granted,
// and waits here, within bounds, while they have none. Pure.
//
// A delivery is a hint: what does not fit is dropped and counted, the newest first, and whoever
// missed it finds that by its number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "bus/broker_output.h"
#include "bus/broker_types.h"

namespace parley {

struct Peer;

// Of a peer that takes deliveries. Totals are of this registration.
struct DeliveryState {
  std::uint32_t window_messages = 0;  // 0: it wants none
  std::uint32_t window_bytes = 0;
  std::uint64_t sent = 0;
  std::uint64_t sent_bytes = 0;
  std::uint64_t dealt = 0;  // what it told us, cumulative
  std::uint64_t dealt_bytes = 0;
  std::deque<std::string> waiting;
  std::size_t waiting_bytes = 0;
  std::uint64_t dropped = 0;
  std::uint64_t exhausted = 0;  // how often one had to wait

  bool wants_any() const { return window_messages > 0; }
};

class Deliveries {
 public:
  Deliveries(const BrokerOptions& options, BrokerOutput& output)
      : options_(options), output_(output) {}

  // Before each input.
  void set_now(Instant now) { now_ = now; }

  // Requires: the peer wants deliveries.
  void deliver(Peer& to, std::string bytes);
  // Counts it, and tells those who trace what it is of.
  void drop(std::string_view bytes);
  // The peer has dealt with so much since it registered. False: it claims what it was not sent.
  bool on_credit(Peer& from, std::uint64_t messages, std::uint64_t bytes);
  // Sends what may be sent of what waits.
  void go_on(Peer& to);

 private:
  bool has_credit(const Peer& peer, std::size_t bytes) const;
  void send(Peer& to, std::string bytes);
  void note(FlightPoint point, std::string_view envelope);

  const BrokerOptions& options_;
  BrokerOutput& output_;
  Instant now_{};
};

}  // namespace parley
