#include "bus/flight_recorder.h"

#include <algorithm>

#include "bus/rendezvous.h"

namespace parley {

std::string_view name_of(FlightPoint point) {
  switch (point) {
#define PARLEY_FLIGHT_POINT(name, text) \
  case FlightPoint::name:               \
    return #name;
#include "bus/flight_points.def"
#undef PARLEY_FLIGHT_POINT
  }
  return "?";
}

std::uint64_t trace_of(const RequestId& id) {
  const std::uint64_t life = rendezvous_weight(id.gateway.value, id.boot.value);
  return std::max<std::uint64_t>(rendezvous_weight(life, id.number), 1);
}

bool asks_for(const wire::TraceQuery& query, std::uint64_t trace, UserId user) {
  return query.trace() != 0 ? trace == query.trace()
                            : query.user() != 0 && user.value == query.user();
}

wire::TraceAnswer FlightRecorder::answer(const wire::TraceQuery& query, Instant now,
                                         std::int64_t wall_us) const {
  std::vector<const FlightEvent*> found;
  const std::uint64_t known = std::min<std::uint64_t>(next_, ring_.size());
  for (std::uint64_t age = 1; age <= known && found.size() < answer_events_max; ++age) {
    const FlightEvent& event = ring_[(next_ - age) & mask_];
    if (asks_for(query, event.trace, event.user)) found.push_back(&event);
  }
  std::ranges::reverse(found);
  wire::TraceAnswer answer;
  for (const FlightEvent* event : found) {
    wire::TraceAnswer::Event& line = *answer.add_events();
    line.set_trace(event->trace);
    line.set_at_us(wall_us -
                   std::chrono::duration_cast<std::chrono::microseconds>(now - event->at).count());
    line.set_point(std::string(name_of(event->point)));
    line.set_verb(event->verb);
    line.set_error(event->error);
    line.set_attempt(event->attempt);
    line.set_user(event->user.value);
  }
  return answer;
}

}  // namespace parley
