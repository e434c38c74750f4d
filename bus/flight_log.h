// The flight recorder of a gateway's, worker's or business system's end of the bus, and its answer when a
// broker asks for it.
// Reads the clock at each event: a loop's time stands still within a turn and would show a request at its
// worker before it left its gateway. Thread: its owner's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bus/flight_recorder.h"
#include "proto/envelope.h"

namespace parley {

// Microseconds since 1970 UTC.
std::int64_t wall_clock_us();

class FlightLog {
 public:
  // `process`: its lasting name, "gateway-1".
  explicit FlightLog(std::string process) : process_(std::move(process)) {}

  // What belongs to no trace is not noted. Some 50 ns, most of it the clock.
  void note(FlightPoint point, const EnvelopeHeader& header);
  // The encoded trace_answer to a trace_query; one that cannot be read asks for nothing.
  std::string answer(const EnvelopeHeader& query, std::string_view body) const;

 private:
  std::string process_;
  FlightRecorder recorder_;
};

}  // namespace parley
