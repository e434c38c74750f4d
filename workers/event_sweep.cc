#include "workers/event_sweep.h"

#include "base/log.h"
#include "proto/delivery.h"
#include "store/limits.h"

namespace parley {
namespace {

// Statements of one round: a million marks are no reason to keep subscribers without their news.
constexpr int statements_max = 20;
// Each so many rounds conversations that are busy are waited for: none waits longer than a second or so.
constexpr unsigned patient_every = 5;

}  // namespace

EventSweep::Round EventSweep::run(const Moment& moment) {
  Round round{{}, options_.every};
  const auto state = events_.state();
  Status status = state ? Status() : tl::unexpected(state.error());
  if (state && (state->unswept || !state->subscribers.empty())) status = sweep(moment);
  if (status) status = trim(moment);
  if (status && !state->subscribers.empty()) {
    if (const auto now = events_.state()) round.news = news(*now);
  }
  if (state && state->subscribers.empty()) round.next = options_.every_idle;
  if (!status && !failing_) log::warn("events.sweep_failed", {{"detail", status.error().detail}});
  failing_ = !status;
  return round;
}

Status EventSweep::sweep(const Moment& moment) {
  const Busy busy = ++rounds_ % patient_every == 0 ? Busy::wait : Busy::skip;
  ConversationId after;
  for (int statement = 0; statement < statements_max; ++statement) {
    auto swept = events_.sweep(after, moment.wall_ms, busy);
    // Somebody keeps one locked: the others shall not wait for it.
    if (!swept && busy == Busy::wait) swept = events_.sweep(after, moment.wall_ms, Busy::skip);
    if (!swept) return tl::unexpected(swept.error());
    after = swept->last;
    if (!after) break;
  }
  return {};
}

Status EventSweep::trim(const Moment& moment) {
  if (moment.now < trim_due_) return {};
  // As much as a round may sweep, or the outbox would grow with the load.
  for (int statement = 0; statement < statements_max; ++statement) {
    const auto trimmed = events_.trim(
        {.oldest_ms = moment.wall_ms - options_.keep_ms, .events_max = options_.keep_max});
    if (!trimmed) return tl::unexpected(trimmed.error());
    if (trimmed->laggards != 0) log::warn("events.lost", {{"subscribers", trimmed->laggards}});
    if (trimmed->rows >= limits::events_trim_max) continue;
    trim_due_ = moment.now + options_.trim_every;
    break;
  }
  return {};
}

std::vector<PackedDelivery> EventSweep::news(const OutboxState& state) {
  std::vector<PackedDelivery> messages;
  if (state.newest <= told_) return messages;
  told_ = state.newest;
  DeliveryItem item;
  item.notice = static_cast<std::uint16_t>(Notice::event_news);
  item.target = state.newest.value;
  for (const Subscriber& subscriber : state.subscribers) {
    if (subscriber.acked >= state.newest) continue;
    messages.push_back({subscriber.instance, subscriber.instance.value, {}, Way::by_key});
    append_delivery(item, messages.back().items);
  }
  return messages;
}

}  // namespace parley
