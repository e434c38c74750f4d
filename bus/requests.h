// The requests that a broker holds, and the lanes that keep their order. Pure.
//
// A lane is what is in flight of one (service, key): its requests in order of arrival, all at one worker.
// It lives as long as it holds a request; then the next request of that key is free to go anywhere.
// Within a lane those that were sent stand before those that wait. A lane rests before a request in it is sent
// where it could die for the third time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/ids.h"
#include "bus/slab_map.h"
#include "proto/envelope.h"

namespace parley {

struct Peer;

// Workers have a Service, a Request and a Lane of their own (workers/service.h), and there are programs with both.
inline namespace dispatching {

struct Service;

struct Request {
  enum class Place : std::uint8_t {
    orphaned,    // nobody offers its service, or its lane rests: in the service's list
    queued,      // in its worker's queue
    outstanding  // sent to its worker
  };

  std::string bytes;        // the envelope as it is sent; attempt and ttl are written at sending
  std::uint64_t order = 0;  // of arrival at this broker
  Instant expires;
  Instant sent;
  UserId user;
  std::uint64_t trace = 0;
  Service* service = nullptr;
  SlabIndex lane = no_index;
  std::uint16_t verb = 0;
  Place place = Place::orphaned;
  std::uint8_t attempts = 0;  // how often it was sent
  std::uint8_t deaths = 0;    // of workers that held it
  bool outlives_asker = false;  // an operator wants it, whoever asked
  bool undelivered = false;     // outstanding, but it did not get to the worker
  SlabLinks in_place;
  SlabLinks in_lane;
};

using RequestMap = SlabMap<RequestId, Request>;
using RequestList = SlabList<&Request::in_place>;

struct LaneKey {
  std::uint64_t key = 0;
  const Service* service = nullptr;
  friend bool operator==(const LaneKey&, const LaneKey&) = default;
};

struct Lane {
  Peer* worker = nullptr;              // null: orphaned
  std::optional<Instant> rests_since;  // its requests are orphans meanwhile
  SlabList<&Request::in_lane> requests;
};

}  // namespace dispatching
}  // namespace parley

template <>
struct std::hash<parley::LaneKey> {
  std::size_t operator()(const parley::LaneKey& lane) const noexcept {
    return lane.key ^ (std::hash<const void*>{}(lane.service) * 0x9E3779B97F4A7C15ULL);
  }
};

namespace parley {
using LaneMap = SlabMap<LaneKey, Lane>;
}  // namespace parley
