// What several processes remember of requests, put together and told in order. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proto/bus.pb.h"

namespace parley {

struct TraceLine {
  std::string process;
  wire::TraceAnswer::Event event;
};

// All events of all answers by time. A process that answered through several brokers counts once. An effect
// that seems to come up to 20 ms before its cause (a broker looks at its clock once a turn, two machines
// have two clocks) is put right behind it.
std::vector<TraceLine> merged(const std::vector<wire::TraceAnswer>& answers);

// What a trace's lines say of its end.
struct TraceSummary {
  std::uint64_t trace = 0;
  std::uint32_t verb = 0;
  std::uint64_t user = 0;
  std::int64_t began_us = 0;
  std::int64_t took_us = 0;  // from the first event to the answer; none is known: to the last
  std::string outcome;       // "answered", "answered with retry_later", "set aside as poison" …
};
// Requires: lines of one trace, as merged() returns them, at least one.
TraceSummary summary_of(const std::vector<TraceLine>& lines);

// The story of one request: its summary, then a line for each event with the time since the one before.
std::string trace_story(const std::vector<TraceLine>& lines);
// A line for each trace, in the given order.
std::string trace_table(const std::vector<TraceSummary>& summaries);

// The newest `count` traces among these, newest first.
std::vector<std::uint64_t> newest_traces(const std::vector<TraceLine>& lines, std::size_t count);

}  // namespace parley
