// Bar 3: the same requests through a broker and through zmq_proxy. Clients in one process keep a
// number of requests unanswered, workers in another send each one back, and every answer is
// compared with what was asked.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "perf/child.h"
#include "perf/raw/bus_peer.h"

namespace parley::perf {

// Of an encrypted middle and of those who use it.
struct BusKeys {
  CurveKeyPair middle;
  CurveKeyPair clients;
  CurveKeyPair workers;
};

struct BusAddress {
  std::string clients;  // endpoint for clients, as gateways are
  std::string workers;
  std::optional<BusKeys> keys = {};  // nothing: in clear

  std::optional<CurveClient> of(const CurveKeyPair BusKeys::* whose) const {
    if (!keys) return std::nullopt;
    return CurveClient{.server_key = keys->middle.public_key, .own = (*keys).*whose};
  }
};

struct BusEchoLoad {
  Middle middle = Middle::broker;
  Packing packing = Packing::single;
  unsigned clients = 4;
  unsigned workers = 4;
  unsigned in_flight = 1'000;  // of all clients
  std::size_t body_bytes = 128;  // both ways, behind the header; at least 8
  Duration warmup = 500ms;
  Duration length = 2s;
};

struct BusEchoes {
  std::uint64_t measured = 0;  // answers within `length`
  std::uint64_t all = 0;       // with warm-up and end
};

// io: an answer was lost, repeated or not what was asked, or somebody was refused. Requires: as
// Child::start.
Result<BusEchoes> bus_echo(const BusAddress& address, const BusEchoLoad& load);

// Peers that are registered and answer pings, half of them gateways, half workers, until the object
// dies. io: they could not register.
Result<std::unique_ptr<Child>> idle_peers(const BusAddress& address, unsigned count);

}  // namespace parley::perf
