// How a ConnectionId is made: a serial number that is never reused and, in the low bits, the slot in
// which everything about the connection is found without a search. Whoever holds an id of a connection
// that is gone finds nothing, even when the slot serves another one (RELIABILITY D3).
#pragma once

#include <cstdint>

#include "base/ids.h"

namespace parley {

inline constexpr unsigned slot_bits = 24;
inline constexpr std::uint32_t slots_max = 1U << slot_bits;

constexpr std::uint32_t slot_of(ConnectionId id) {
  return static_cast<std::uint32_t>(id.value & (slots_max - 1));
}

// Requires: serial > 0, so that no id is 0.
constexpr ConnectionId connection_id(std::uint64_t serial, std::uint32_t slot) {
  return ConnectionId{(serial << slot_bits) | slot};
}

}  // namespace parley
