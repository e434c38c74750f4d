#include "client/cursor_report.h"

#include <algorithm>

namespace parley::client {

void CursorReport::server_has(const Cursors& cursors) {
  reported_ = Cursors::furthest(reported_, cursors);
}

std::optional<Cursors> CursorReport::take_due(Instant now) {
  if (in_flight_ || !is_behind() || now < not_before_) return std::nullopt;
  in_flight_ = wanted_;
  not_before_ = now + every_;
  return in_flight_;
}

void CursorReport::answered(const Cursors& server_has_now) {
  // What was asked for counts as reported even if the server cut it: asking again would not help.
  if (in_flight_) server_has(*in_flight_);
  server_has(server_has_now);
  in_flight_.reset();
}

void CursorReport::failed(Instant now, Duration pause) {
  in_flight_.reset();
  not_before_ = std::max(not_before_, now + pause);
}

void CursorReport::disconnected() { in_flight_.reset(); }

std::optional<Instant> CursorReport::next_due() const {
  if (in_flight_ || !is_behind()) return std::nullopt;
  return not_before_;
}

}  // namespace parley::client
