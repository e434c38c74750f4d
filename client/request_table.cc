#include "client/request_table.h"

#include <algorithm>

namespace parley::client {

void RequestTable::server_allows(std::size_t in_flight) {
  window_ = in_flight == 0 ? limits_.in_flight_max : std::min(in_flight, limits_.in_flight_max);
}

Status RequestTable::add(Request request, Instant now) {
  if (waiting_.size() >= limits_.waiting_max)
    return fail(Errc::retry_later, "too many requests are waiting for the connection");
  waiting_.push_back({now, std::move(request)});
  return {};
}

std::optional<Transmit> RequestTable::take_ready() {
  if (waiting_.empty() || in_flight_.size() >= window_) return std::nullopt;
  Waiting next = std::move(waiting_.front());
  waiting_.pop_front();
  in_flight_.push_back({++last_number_, next.added, std::move(next.request.purpose)});
  return Transmit{.header = {.kind = FrameKind::request,
                             .verb = static_cast<std::uint16_t>(next.request.verb),
                             .number = last_number_,
                             .target = next.request.target},
                  .body = std::move(next.request.body)};
}

std::size_t RequestTable::room() const {
  const std::size_t taken = in_flight_.size() + waiting_.size();
  return taken < window_ ? window_ - taken : 0;
}

std::optional<Purpose> RequestTable::complete(std::uint32_t number) {
  const auto found = std::ranges::find(in_flight_, number, &Pending::number);
  if (found == in_flight_.end()) return std::nullopt;
  Purpose purpose = std::move(found->purpose);
  in_flight_.erase(found);
  return purpose;
}

std::vector<RequestTable::Expired> RequestTable::expire(Instant now) {
  std::vector<Expired> expired;
  const auto is_late = [&](Instant added) { return added + limits_.answer_within <= now; };
  while (!in_flight_.empty() && is_late(in_flight_.front().added)) {
    expired.push_back({std::move(in_flight_.front().purpose), in_flight_.front().added});
    in_flight_.pop_front();
  }
  while (!waiting_.empty() && is_late(waiting_.front().added)) {
    expired.push_back({std::move(waiting_.front().request.purpose), std::nullopt});
    waiting_.pop_front();
  }
  return expired;
}

std::vector<Purpose> RequestTable::take_all() {
  std::vector<Purpose> all;
  for (Pending& pending : in_flight_) all.push_back(std::move(pending.purpose));
  for (Waiting& waiting : waiting_) all.push_back(std::move(waiting.request.purpose));
  in_flight_.clear();
  waiting_.clear();
  return all;
}

std::optional<Instant> RequestTable::next_deadline() const {
  std::optional<Instant> oldest;
  if (!in_flight_.empty()) oldest = in_flight_.front().added;
  if (!waiting_.empty())
    oldest = oldest ? std::min(*oldest, waiting_.front().added) : waiting_.front().added;
  if (!oldest) return std::nullopt;
  return *oldest + limits_.answer_within;
}

}  // namespace parley::client
