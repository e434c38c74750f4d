#include "bus/subscription.h"

#include <algorithm>
#include <utility>

namespace parley {

void Subscription::on_subscribed(const wire::SubscribeReply& reply) {
  if (!std::holds_alternative<Asking>(state_)) return;
  cursor_ = reply.cursor();
  failures_ = 0;
  ask();
}

void Subscription::on_page(wire::EventPullReply reply, Instant now) {
  if (!std::holds_alternative<Asking>(state_) || !cursor_) return;
  failures_ = 0;
  if (is_stopping_) {  // it was the last word
    state_ = Stopped{};
    return;
  }
  if (reply.lost_before() > 0) actions_.push_back(Lost{reply.lost_before()});
  for (wire::Event& event : *reply.mutable_events())
    if (event.cursor() > *cursor_) page_.push_back(std::move(event));
  const std::uint64_t last = page_.empty() ? *cursor_ : page_.back().cursor();
  after_page_ = std::max(last, reply.cursor());
  has_news_ = has_news_ || reply.more();
  if (!page_.empty()) return hand();
  cursor_ = after_page_;
  if (std::exchange(has_news_, false)) return ask();
  state_ = Waiting{now + options_.poll_every};
}

void Subscription::on_failed(const Error& error, Instant now) {
  if (!std::holds_alternative<Asking>(state_)) return;
  if (is_stopping_) {  // what was not acknowledged comes again
    state_ = Stopped{};
    return;
  }
  const bool is_unknown = error.code == Errc::not_found || error.code == Errc::bad_request;
  if (is_unknown) cursor_.reset();
  wait(std::chrono::milliseconds(error.retry_after_ms), now);
}

void Subscription::wait(Duration pause, Instant now) {
  const Duration own =
      backoff(failures_++, options_.backoff_base, options_.backoff_cap, random_);
  state_ = Waiting{now + std::max(own, pause)};
}

void Subscription::on_done() {
  if (!std::holds_alternative<Handing>(state_)) return;
  failures_ = 0;
  cursor_ = page_.front().cursor();
  page_.pop_front();
  if (page_.empty()) cursor_ = after_page_;
  else if (!is_stopping_) return hand();
  page_.clear();
  ask();
}

void Subscription::on_event_failed(Instant now) {
  if (!std::holds_alternative<Handing>(state_)) return;
  if (is_stopping_) {
    page_.clear();
    return ask();
  }
  wait(Duration::zero(), now);
}

// While something fails it is tried again in its time, not with every hint.
void Subscription::on_news(std::uint64_t cursor) {
  if (cursor_ && cursor <= std::max(*cursor_, after_page_)) return;
  if (std::holds_alternative<Waiting>(state_) && failures_ == 0) return ask();
  has_news_ = true;
}

void Subscription::on_connected() {
  if (std::holds_alternative<Waiting>(state_) && page_.empty()) return ask();
  has_news_ = true;
}

void Subscription::on_tick(Instant now) {
  const auto* waiting = std::get_if<Waiting>(&state_);
  if (waiting == nullptr || now < waiting->until) return;
  if (page_.empty()) ask();
  else hand();
}

void Subscription::stop() {
  if (std::exchange(is_stopping_, true) || !std::holds_alternative<Waiting>(state_)) return;
  page_.clear();
  if (cursor_) ask();
  else state_ = Stopped{};
}

void Subscription::ask() {
  state_ = Asking{};
  if (!cursor_) {
    Subscribe subscribe;
    for (const wire::EventKind kind : options_.kinds) subscribe.request.add_kinds(kind);
    actions_.emplace_back(std::move(subscribe));
    return;
  }
  Pull pull;
  pull.request.set_cursor(*cursor_);
  pull.request.set_limit(options_.page);
  actions_.emplace_back(std::move(pull));
}

void Subscription::hand() {
  state_ = Handing{};
  actions_.emplace_back(Hand{page_.front()});
}

}  // namespace parley
