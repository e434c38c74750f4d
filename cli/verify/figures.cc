#include "cli/verify/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace parley::verify {
namespace {

// When a device was connected, as pairs of begin and end.
using Times = std::vector<std::pair<Instant, Instant>>;

std::map<std::string_view, Times> connected_times(const HistoryIndex& index) {
  std::map<std::string_view, Times> times;
  for (const Event& event : index.history.events()) {
    const bool opens = std::holds_alternative<StreamBegan>(event.what);
    if (!opens && !std::holds_alternative<ConnectionClosed>(event.what)) continue;
    Times& own = times[event.process];
    if (!own.empty() && own.back().second == Instant::max()) own.back().second = event.at;
    if (opens) own.emplace_back(event.at, Instant::max());
  }
  return times;
}

bool throughout(const Times& times, Instant from, Instant to) {
  const auto after = std::ranges::upper_bound(times, from, {}, &Times::value_type::first);
  return after != times.begin() && std::prev(after)->second >= to;
}

bool disturbed(const HistoryIndex& index, Instant from, Instant to) {
  const auto felt = std::ranges::lower_bound(index.felt, from, {}, &Times::value_type::second);
  return felt != index.felt.end() && felt->first <= to;
}

Spread spread_of(std::vector<Duration> lengths) {
  if (lengths.empty()) return {};
  std::ranges::sort(lengths);
  const auto at = [&](std::size_t percent) {
    return lengths[(lengths.size() - 1) * percent / 100];
  };
  return {.count = lengths.size(), .p50 = at(50), .p99 = at(99), .max = lengths.back()};
}

std::string text_of(const Spread& spread) {
  const auto ms = [](Duration d) { return std::chrono::duration<double, std::milli>(d).count(); };
  return fmt::format("p50 {:.1f} ms, p99 {:.1f} ms, slowest {:.0f} ms", ms(spread.p50),
                     ms(spread.p99), ms(spread.max));
}

std::size_t repeated_pushes(const HistoryIndex& index) {
  std::set<std::tuple<std::string_view, ConversationId, Seq>> seen;
  for (const Event* event : index.pushes) {
    const Pushed& push = std::get<Pushed>(event->what);
    seen.emplace(event->process, push.key.conversation, push.seq);
  }
  return index.pushes.size() - seen.size();
}

}  // namespace

std::vector<Lag> lags_of(const HistoryIndex& index) {
  const auto connected = connected_times(index);
  std::vector<Lag> lags;
  for (const auto& [where, view] : index.views) {
    const auto times = connected.find(view.device);
    for (const Delivery& delivery : view.deliveries) {
      const auto message = index.messages.find(delivery.what->key);
      const Attempt* ok = message->second.first_ok();
      if (!ok || ok->process == view.device) continue;
      const Instant from = *ok->completed_at;
      const Instant to = std::max(from, delivery.event->at);
      lags.push_back({.device = view.device,
                      .conversation = view.conversation,
                      .seq = delivery.what->seq,
                      .length = to - from,
                      .undisturbed = times != connected.end() &&
                                     throughout(times->second, from, to) &&
                                     !disturbed(index, from, to)});
    }
  }
  return lags;
}

Figures figures_of(const History& history) {
  const HistoryIndex index(history);
  std::vector<Duration> acks;
  for (const auto& [key, message] : index.messages)
    if (const Attempt* ok = message.first_ok()) acks.push_back(*ok->completed_at - ok->invoked_at);
  std::vector<Duration> lags;
  for (const Lag& lag : lags_of(index)) lags.push_back(lag.length);
  Figures figures{.messages_acked = acks.size(),
                  .pages = index.pulls.size(),
                  .pushed_again = repeated_pushes(index),
                  .acks = spread_of(std::move(acks)),
                  .lags = spread_of(std::move(lags))};
  for (const auto& [where, view] : index.views) figures.entries_seen += view.deliveries.size();
  for (const Fault* fault : index.faults) figures.faults += fault->effective();
  return figures;
}

std::string to_text(const Figures& figures) {
  return fmt::format(
      "{} messages acknowledged ({}), {} entries seen by devices, by others than the sender's {} "
      "after the ack; {} pages, {} repeated pushes, {} faults that took hold",
      figures.messages_acked, text_of(figures.acks), figures.entries_seen, text_of(figures.lags),
      figures.pages, figures.pushed_again, figures.faults);
}

}  // namespace parley::verify
