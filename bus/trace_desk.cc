#include "bus/trace_desk.h"

#include <algorithm>
#include <string_view>

#include "bus/flight_recorder.h"

namespace parley {
namespace {

constexpr std::size_t point_chars_max = 40;

std::string_view points_of(Role role) {
  switch (role) {
    case Role::gateway: return "gateway_";
    case Role::worker: return "worker_";
    case Role::business: return "business_";
    case Role::admin: break;
  }
  return "nobody's";
}

bool is_word(std::string_view text) {
  return text.size() <= point_chars_max &&
         std::ranges::all_of(text, [](char c) { return c == '_' || (c >= 'a' && c <= 'z'); });
}

// Microseconds since 1970 that the operator's program can add and subtract.
bool is_time(std::int64_t us) { return us >= 0 && us < (std::int64_t{1} << 53); }

}  // namespace

TraceDesk::Open& TraceDesk::open(const PeerKey& asker, const RequestId& about,
                                 const wire::TraceQuery& query, Instant now) {
  if (open_.size() >= open_max) open_.pop_front();
  open_.push_back({.number = ++last_number_,
                   .asker = asker,
                   .about = about,
                   .query = query,
                   .until = now + patience});
  return open_.back();
}

TraceDesk::Answer TraceDesk::on_answer(std::uint64_t number, std::uint64_t registration,
                                       Instant now) {
  while (!open_.empty() && open_.front().until <= now) open_.pop_front();
  const auto open = std::ranges::find(open_, number, &Open::number);
  if (open == open_.end()) {
    const bool was_asked = number != 0 && number <= last_number_;
    return {was_asked ? Verdict::late : Verdict::misplaced};
  }
  if (std::erase(open->asked, registration) == 0) return {Verdict::misplaced};
  return {Verdict::take, &*open};
}

bool is_answer_of(Role role, const wire::TraceQuery& query, const wire::TraceAnswer& answer) {
  if (static_cast<std::size_t>(answer.events_size()) > FlightRecorder::answer_events_max)
    return false;
  return std::ranges::all_of(answer.events(), [&](const wire::TraceAnswer::Event& event) {
    return is_time(event.at_us()) && asks_for(query, event.trace(), UserId{event.user()}) &&
           is_word(event.point()) && event.point().starts_with(points_of(role));
  });
}

}  // namespace parley
