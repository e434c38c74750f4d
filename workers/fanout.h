// Where deliveries go, and in how few bus messages. Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "store/route_store.h"
#include "workers/outcome.h"

namespace parley {

inline constexpr InstanceId every_gateway{0};

// By the broker that the key chooses, in order with what else has it; or by every broker, so that
// no gateway misses it and most are told twice: for what only gateways themselves hear.
enum class Way : std::uint8_t { by_key, by_every_broker };

// A body of a `deliver` envelope (proto/delivery.h) and where it goes.
struct PackedDelivery {
  InstanceId gateway;
  std::uint64_t key = 0;
  std::string items;
  Way way = Way::by_key;
};

// Deliveries with the same key must travel one way, and the bus chooses the way by the key of a
// message. So that many conversations still share a message, keys are folded into a few lanes, and
// messages are keyed by lane: one lane if there is only one way, two per broker otherwise.
std::uint64_t lane_count(std::size_t brokers);

// What a lookup is for: every user that some delivery reaches by route; each once.
std::vector<UserId> users_of(std::span<const Delivery> deliveries);

// Packs deliveries: one message per gateway and lane, more only beyond limits::delivery_body_max.
// The order of deliveries of one lane stays. Each gateway is told its users only, and skip_device
// only if that device's user is among them; users without a route are left out: they are offline.
// `routes`: a lookup of users_of(deliveries), or nothing: then each delivery goes to every gateway.
std::vector<PackedDelivery> pack(std::span<const Delivery> deliveries, const Routes* routes,
                                 std::uint64_t lanes);

}  // namespace parley
