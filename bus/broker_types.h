// The values that a broker (broker.h) is made of: its options, its peers' addresses, what it wants done.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"
#include "bus/principal.h"
#include "bus/role_rates.h"
#include "proto/envelope.h"

namespace parley {

// Bounds, each with its policy. Memory held by requests never exceeds `held_bytes_max`.
struct BrokerOptions {
  std::string name = "broker-1";
  BootId boot{1};
  Duration ping_every = 500ms;   // a peer that is silent so long is pinged,
  Duration dead_after = 1500ms;  // and is dead when it stays silent
  Duration attempt_timeout = 2500ms;  // a live worker keeps a request no longer if there is another
  // A service that nobody offers is awaited for so long after the start: after a restart gateways are
  // often back before workers, and their clients should see a slow answer, not an error.
  Duration startup_grace = 3s;
  std::size_t queue_messages_max = 20'000;  // waiting per service; more: newest gets retry_later
  std::size_t queue_bytes_max = 64 << 20;    // likewise
  std::size_t held_messages_max = 200'000;   // waiting or sent, all services; likewise
  std::size_t held_bytes_max = 512 << 20;     // likewise
  std::size_t peers_max = 1'024;              // registrations; more are refused with retry_later
  std::size_t parked_max = 1'000;             // remembered poison; the oldest is forgotten
  std::size_t parked_bytes_max = 64 << 20;    // likewise
  std::size_t apps_max = 256;                 // of business systems; more: retry_later
  std::uint32_t credit_messages_max = 65'536;  // a worker's larger window is cut to this
  std::uint32_t credit_bytes_max = 256 << 20;  // likewise
  std::uint32_t delivery_messages_max = 65'536;  // a window for deliveries; likewise
  std::uint32_t delivery_bytes_max = 256 << 20;  // likewise
  std::size_t waiting_deliveries_max = 8'192;  // for a peer's credit; more: the newest goes
  std::size_t waiting_delivery_bytes_max = 32 << 20;  // likewise
  std::size_t unread_bytes_max = 64 << 20;  // of one business system; more is not sent to it
  RoleRates rates = {};
  Duration retried_poison_ttl = 10s;             // a request that an operator has tried again
  std::uint32_t retry_hint_ms = 200;           // in retry_later, at least
  // Microseconds since 1970, for what people are shown of the past.
  std::function<std::int64_t()> wall_clock_us = [] { return 0; };
  // What nobody can guess. Tests can.
  std::function<std::uint64_t()> random_number = [last = std::uint64_t{0}]() mutable {
    return ++last;
  };
};

// The socket that a peer is connected to: gateways, business systems and operators on one, workers on the
// other.
enum class Side : std::uint8_t { gateways, workers };

// Whoever can reach an unencrypted socket is trusted with the roles of its side.
inline const Principal& anybody(Side side) {
  static const Principal front{{}, {Role::gateway, Role::business, Role::admin}, "*"};
  static const Principal back{{}, {Role::worker}, "*"};
  return side == Side::workers ? back : front;
}

// How its connections are protected. Each (side, protection) is a ZeroMQ socket of its own.
enum class Protection : std::uint8_t {
  none,  // ipc:// behind a file's mode, or a network that is trusted with everything
  curve  // encrypted, both ends known by their keys
};

// A peer's address. The identity is chosen by ZeroMQ or the peer, a fresh one for each connection.
struct PeerKey {
  Side side = Side::gateways;
  std::string identity;
  Protection protection = Protection::none;
  friend bool operator==(const PeerKey&, const PeerKey&) = default;
};

struct BrokerAction {
  PeerKey to;
  std::string bytes;
};

// Something that an operator should find in the log.
struct PeerEvent {
  enum class Kind {
    registered,
    refused,
    draining,
    left,
    replaced,
    unreachable,
    silent,
    revoked,   // its key may no longer do what it does
    impostor,  // its address was used with another key
    forbidden,     // it sent what its role may not send
    malformed,     // it sent what is no envelope
    unregistered,  // it sent something before it said who it is
    rate_limited,  // it asks more often than its role may
    unasked_reply,  // it answered what it was not asked
    stuck           // it does not read what it is sent
  };
  Kind kind;
  Role role;
  std::string name;             // "?" if it has not said
  std::string key;              // its public key; empty: unencrypted
  Errc reason = Errc::internal;  // of `refused` only
};

// A request was set aside after three workers died of it.
struct ParkedEvent {
  std::uint64_t ticket;
  RequestId id;
  std::uint16_t verb;
  UserId user;
  std::uint64_t key;
  std::uint64_t trace;
  std::size_t bytes;
};
// An operator wants this broker to drain.
struct DrainWanted {};

using BrokerEvent = std::variant<PeerEvent, ParkedEvent, DrainWanted>;

struct BrokerCounters {
#define PARLEY_BROKER_COUNTER(name, help) std::uint64_t name = 0;
#include "bus/broker_counters.def"
#undef PARLEY_BROKER_COUNTER
};

}  // namespace parley

template <>
struct std::hash<parley::PeerKey> {
  std::size_t operator()(const parley::PeerKey& key) const noexcept {
    return std::hash<std::string>{}(key.identity) + 2 * static_cast<std::size_t>(key.side) +
           static_cast<std::size_t>(key.protection);
  }
};
