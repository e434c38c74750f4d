// What a gateway counts, as plain numbers of its one thread: counting is an addition, even on every
// frame. metrics_report.h shows them to Prometheus a few times a second.
#pragma once

#include <array>
#include <cstdint>

#include "base/error.h"
#include "proto/verbs.h"

namespace parley {

// Every verb's place in verbs.def: 0, 1, 2 …
inline constexpr std::array verb_numbers = {
#define PARLEY_VERB(service, name, number, caller, key, body_max) Verb::service##_##name,
#include "proto/verbs.def"
#undef PARLEY_VERB
};

// Requires: a verb of verbs.def.
constexpr std::size_t place_of(Verb verb) {
  std::size_t place = 0;
  while (verb_numbers[place] != verb) ++place;
  return place;
}

struct GatewayCounts {
  std::uint64_t accepted = 0;
  std::uint64_t displaced = 0;         // before login, by a newcomer
  std::uint64_t handshakes = 0;        // hellos that were looked at
  std::uint64_t handshakes_failed = 0;
  std::uint64_t frames_in = 0;
  std::uint64_t frames_out = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t notices = 0;          // sealed and queued
  std::uint64_t notices_dropped = 0;  // the reader was too slow; it will find the gap
  std::uint64_t broadcasts_dropped = 0;  // too many waited
  std::uint64_t deliveries_stale = 0;  // for users that are not here
  std::uint64_t bad_from_bus = 0;      // replies or deliveries that could not be used
  std::array<std::uint64_t, verb_numbers.size()> requests{};  // published, by place_of
  std::array<std::uint64_t, 5> refused{};                     // by Refusal, not admitted
  static constexpr std::size_t errcs = 64;                    // those below it may be on the wire
  std::array<std::uint64_t, errcs> errors{};                  // error frames, by code
  std::array<std::uint64_t, errcs> closed{};                  // by reason; 0: by the client

  void error(Errc code) { ++errors[static_cast<std::size_t>(code) % errcs]; }
};

}  // namespace parley
