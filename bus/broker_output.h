// Where the parts of a broker put what is to be done. The shell empties it after each input. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "bus/broker_types.h"
#include "bus/flight_recorder.h"
#include "bus/unread.h"

namespace parley {

struct Peer;

struct BrokerOutput {
  explicit BrokerOutput(const BrokerOptions& options)
      : unread(options.unread_bytes_max, options.random_number) {}

  std::vector<BrokerAction> actions;
  std::vector<BrokerEvent> events;
  BrokerCounters counters;
  FlightRecorder flights;
  Unread unread;

  void send(const PeerKey& to, std::string bytes) { actions.push_back({to, std::move(bytes)}); }
  // What answers to somebody, peer or not, what is neither request nor delivery. A business system's key that has
  // too much unread gets none.
  void answer(const PeerKey& to, const Principal& who, std::string bytes);
  // Whether send() to that peer would send it.
  bool has_room(const Peer& to, std::size_t bytes) const;
  // Requests, replies and deliveries. False, counted and told: it has too much unread.
  bool send(const Peer& to, std::string bytes);
  void tell(PeerEvent::Kind kind, const Peer& peer);
  // There will be about as many again.
  std::vector<BrokerAction> take_actions() {
    std::vector<BrokerAction> taken;
    if (actions.empty()) return taken;
    taken.reserve(actions.size());
    taken.swap(actions);
    return taken;
  }
};

}  // namespace parley
