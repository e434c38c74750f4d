#include "bus/flight_log.h"

namespace parley {

std::int64_t wall_clock_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void FlightLog::note(FlightPoint point, const EnvelopeHeader& header) {
  if (header.trace == 0) return;
  recorder_.note({.trace = header.trace,
                  .user = header.user,
                  .at = monotonic_now(),
                  .point = point,
                  .attempt = header.attempt,
                  .verb = header.verb,
                  .error = header.error});
}

std::string FlightLog::answer(const EnvelopeHeader& query, std::string_view body) const {
  wire::TraceQuery asked;
  if (!asked.ParseFromArray(body.data(), static_cast<int>(body.size()))) asked.Clear();
  wire::TraceAnswer answer = recorder_.answer(asked, monotonic_now(), wall_clock_us());
  answer.set_process(process_);
  return encode({.kind = EnvelopeKind::trace_answer, .id = {.number = query.id.number}},
                answer.SerializeAsString());
}

}  // namespace parley
