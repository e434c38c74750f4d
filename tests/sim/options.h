// What a world is like: drawn from its seed, each time other bounds, faults and loads (swarm testing), so that
// small bounds and rare combinations are met often.
#pragma once

#include <cstdint>

#include "base/random.h"
#include "bus/broker_types.h"
#include "bus/delivery_meter.h"

namespace parley::sim {

// How often something happens, in mean; zero: never.
struct FaultRates {
  Duration kill_worker{};
  Duration kill_broker{};
  Duration kill_gateway{};
  Duration pause{};      // any process
  Duration cut{};        // a connection breaks
  Duration clog{};       // a way, or both, is stuck
  Duration terminate{};  // any process ends in order and comes back
  Duration slow_store{};
  std::uint64_t young_breaks_per_thousand = 0;  // connections that break while they are new
  std::uint64_t repeats_per_thousand = 0;       // envelopes that arrive twice, on some links
};

struct WorldOptions {
  std::size_t brokers;
  std::size_t gateways;
  std::size_t workers;
  std::size_t executors;  // per worker
  std::size_t services;   // 1 … 3; not every worker serves all
  std::uint64_t keys;
  std::uint64_t hot_per_thousand;     // of requests go to one key
  std::uint64_t poison_per_thousand;  // in the first half
  std::uint64_t large_per_thousand;
  Duration publish_every;  // per gateway, in mean
  std::uint64_t burst_max;
  Duration safety;
  Duration latency_min, latency_max;
  Duration store_min, store_max;
  std::uint64_t abort_per_thousand;     // the store refuses
  std::uint64_t in_doubt_per_thousand;  // it commits and its reply is lost
  std::size_t pending_max;
  std::uint32_t credit_messages, credit_bytes;
  std::size_t batch_max;
  std::size_t gateway_messages_max;  // a broker's send mark
  std::size_t waiting_deliveries_max;  // of a consumer
  DeliveryWindow delivery_window;      // of a gateway
  BrokerOptions broker;
  FaultRates faults;
  // Nothing but orderly restarts, and nobody overloaded: not one caller may be refused.
  bool rolling_restart;

  static WorldOptions draw(Random& random);

 private:
  void become_rolling_restart(Random& random);
};

}  // namespace parley::sim
