// What a process remembers of the requests that passed through it lately, for `parley trace`: a
// ring of fixed size, the oldest is overwritten. Pure; one owner thread. No bodies. Costs one store
// per event.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "base/clock.h"
#include "base/ids.h"
#include "proto/bus.pb.h"
#include "proto/envelope.h"

namespace parley {

enum class FlightPoint : std::uint8_t {
#define PARLEY_FLIGHT_POINT(name, text) name,
#include "bus/flight_points.def"
#undef PARLEY_FLIGHT_POINT
};

std::string_view name_of(FlightPoint point);

// The trace of a request whose asker has given it none: of its id alone, so that a repetition has the same,
// at whichever broker. Not 0.
std::uint64_t trace_of(const RequestId& id);

// Whether what happened to that request, of that user, is wanted.
bool asks_for(const wire::TraceQuery& query, std::uint64_t trace, UserId user);

struct FlightEvent {
  std::uint64_t trace = 0;
  UserId user = {};
  Instant at = {};
  FlightPoint point = FlightPoint::gateway_published;
  std::uint8_t attempt = 0;
  std::uint16_t verb = 0;
  std::uint16_t error = 0;
};

class FlightRecorder {
 public:
  static constexpr std::size_t answer_events_max = 200;

  // `events`, a power of two, are remembered; 40 bytes each.
  explicit FlightRecorder(std::size_t events = 16'384) : ring_(events), mask_(events - 1) {
    PARLEY_ASSERT(std::has_single_bit(events));
  }

  void note(const FlightEvent& event) {
    ring_[next_ & mask_] = event;
    ++next_;
  }

  // What it knows, the newest answer_events_max, oldest first; `process` is left empty. `now` and
  // `wall_us` are the same moment by both clocks.
  wire::TraceAnswer answer(const wire::TraceQuery& query, Instant now, std::int64_t wall_us) const;

 private:
  std::vector<FlightEvent> ring_;
  std::uint64_t mask_;
  std::uint64_t next_ = 0;
};

}  // namespace parley
