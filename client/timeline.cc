#include "client/timeline.h"

#include <algorithm>

#include "base/assert.h"

namespace parley::client {
namespace {
Seq after(Seq seq) { return Seq{seq.value + 1}; }
Seq before(Seq seq) { return Seq{seq.value - 1}; }
}  // namespace

std::vector<Entry> Timeline::place(Seq last, Instant now) {
  PARLEY_ASSERT(!placed_);
  placed_ = true;
  last_ = last;
  head_ = std::max(head_, last);
  std::vector<Entry> readable;
  take_held(readable);
  look_for_gap(now, last_);
  return readable;
}

std::vector<Entry> Timeline::offer(Entry entry, Instant now) {
  std::vector<Entry> readable;
  head_ = std::max(head_, entry.seq);
  if (!placed_) {
    hold(std::move(entry));
    return readable;
  }
  const Seq last_before = last_;
  if (entry.seq == after(last_)) {
    last_ = entry.seq;
    readable.push_back(std::move(entry));
    take_held(readable);
  } else if (entry.seq > last_) {
    hold(std::move(entry));
  }
  look_for_gap(now, last_before);
  return readable;
}

void Timeline::head_is(Seq head, Instant now) {
  head_ = std::max(head_, head);
  if (!placed_ || last_ >= head_ || std::holds_alternative<Pulling>(state_)) return;
  state_ = Missing{.due = now};
}

std::optional<Timeline::Range> Timeline::take_pull(Instant now) {
  const auto* missing = std::get_if<Missing>(&state_);
  if (missing == nullptr || missing->due > now) return std::nullopt;
  const Seq to = held_.empty() ? head_ : before(held_.begin()->first);
  state_ = Pulling{.last_before = last_, .fruitless = missing->fruitless};
  return Range{.from = after(last_), .to = to};
}

void Timeline::pulled(Instant now, Random& random) {
  const auto* pulling = std::get_if<Pulling>(&state_);
  if (pulling == nullptr) return;
  if (last_ == pulling->last_before) return pull_failed(now, Duration::zero(), random);
  // More of it: at once. Whoever fell behind by thousands fetches page after page.
  state_ = Whole{};
  if (last_ < head_) state_ = Missing{.due = now};
}

void Timeline::pull_failed(Instant now, Duration hint, Random& random) {
  const auto* pulling = std::get_if<Pulling>(&state_);
  if (pulling == nullptr) return;
  const unsigned fruitless = pulling->fruitless;
  state_ = Whole{};
  if (last_ >= head_) return;
  const Duration own = backoff(fruitless, options_->retry_base, options_->retry_cap, random);
  state_ = Missing{.due = now + pause_after_refusal(own, hint, random), .fruitless = fruitless + 1};
}

void Timeline::disconnected(Instant now) {
  if (!std::holds_alternative<Pulling>(state_)) return;
  state_ = Whole{};
  if (last_ < head_) state_ = Missing{.due = now};
}

std::optional<Instant> Timeline::next_due() const {
  const auto* missing = std::get_if<Missing>(&state_);
  return missing == nullptr ? std::nullopt : std::optional(missing->due);
}

void Timeline::hold(Entry entry) {
  held_.try_emplace(entry.seq, std::move(entry));
  if (held_.size() > options_->held_max) held_.erase(std::prev(held_.end()));
}

void Timeline::take_held(std::vector<Entry>& readable) {
  while (!held_.empty() && held_.begin()->first <= after(last_)) {
    auto node = held_.extract(held_.begin());
    if (node.key() <= last_) continue;
    last_ = node.key();
    readable.push_back(std::move(node.mapped()));
  }
}

// Every step forward renews the patience: while a busy conversation's entries come slightly out of order there is
// always some gap, but never the same one for long.
void Timeline::look_for_gap(Instant now, Seq last_before) {
  if (std::holds_alternative<Pulling>(state_)) return;
  if (last_ >= head_) {
    state_ = Whole{};
    return;
  }
  if (std::holds_alternative<Whole>(state_) || last_ > last_before)
    state_ = Missing{.due = now + options_->patience};
}

}  // namespace parley::client
