#include "tests/support/fault_pipe.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace parley::test {
namespace {
// With a rate: as much as this at a time, and so much may be made up for when the thread was late.
constexpr Duration rate_grain = 10ms;
}  // namespace

void FaultPipe::set(const Conditions& conditions, Instant now) {
  conditions_ = conditions;
  free_at_ = std::min(free_at_, now);
  const Instant latest = now + conditions.delay + conditions.jitter;
  for (Chunk& chunk : chunks_) chunk.due = std::min(chunk.due, latest);
  if (end_due_) end_due_ = std::min(*end_due_, latest);
}

void FaultPipe::set_wire(std::unique_ptr<Tripwire> wire, Instant now) {
  if (tripped_) return;
  enqueue(std::exchange(kept_, {}), now);
  wire_ = std::move(wire);
}

std::size_t FaultPipe::room() const {
  if (tripped_ || end_due_ || conditions_.flow == Flow::unread) return 0;
  return bytes_max - size();
}

void FaultPipe::push(std::string_view bytes, Instant now) {
  PARLEY_ASSERT(bytes.size() <= room());
  if (wire_ == nullptr) return enqueue(std::string(bytes), now);
  kept_ += bytes;
  obey(wire_->see(bytes, now), now);
}

void FaultPipe::end(Instant now) {
  if (end_due_) return;
  if (!tripped_) enqueue(std::exchange(kept_, {}), now);
  end_due_ = due_at(now);
}

void FaultPipe::turn(Instant now) {
  if (wire_ != nullptr && !tripped_) obey(wire_->turn(now), now);
}

void FaultPipe::obey(const Tripwire::Judgement& judgement, Instant now) {
  PARLEY_ASSERT(judgement.pass <= kept_.size());
  enqueue(kept_.substr(0, judgement.pass), now);
  kept_.erase(0, judgement.pass);
  if (judgement.then == Tripwire::Judgement::Then::cut) tripped_ = true;
}

// Jitter changes when bytes come, never their order.
Instant FaultPipe::due_at(Instant now) {
  const Instant due = now + conditions_.delay + random_.between(Duration{}, conditions_.jitter);
  return chunks_.empty() ? due : std::max(due, chunks_.back().due);
}

void FaultPipe::enqueue(std::string bytes, Instant now) {
  if (bytes.empty()) return;
  size_ += bytes.size();
  const Instant due = due_at(now);
  chunks_.push_back({std::move(bytes), due});
}

std::size_t FaultPipe::write_max() const {
  std::size_t max = bytes_max;
  if (conditions_.slice > 0) max = std::min(max, conditions_.slice);
  if (conditions_.bytes_per_second == 0) return max;
  const auto grains_per_second = static_cast<std::uint64_t>(1s / rate_grain);
  return std::min(max, std::max<std::size_t>(1, conditions_.bytes_per_second / grains_per_second));
}

std::string_view FaultPipe::ready(Instant now) {
  if (is_held(now) || chunks_.empty() || chunks_.front().due > now || free_at_ > now) return {};
  return std::string_view(chunks_.front().bytes).substr(offset_, write_max());
}

void FaultPipe::written(std::size_t count, Instant now) {
  PARLEY_ASSERT(count <= size_);
  size_ -= count;
  offset_ += count;
  if (offset_ == chunks_.front().bytes.size()) {
    chunks_.pop_front();
    offset_ = 0;
  }
  if (const std::uint64_t rate = conditions_.bytes_per_second; rate > 0) {
    const Duration takes = std::chrono::nanoseconds(count * 1'000'000'000 / rate);
    free_at_ = std::max(free_at_, now - rate_grain) + takes;
  }
}

std::optional<Instant> FaultPipe::wakes_at(Instant now) const {
  std::optional<Instant> first;
  const auto consider = [&](Instant when) {
    if (when > now && (!first || when < *first)) first = when;
  };
  if (wire_ != nullptr && !tripped_ && wire_->wakes_at()) consider(*wire_->wakes_at());
  if (conditions_.flow == Flow::held) return first;
  consider(held_until_);
  if (!chunks_.empty()) consider(std::max(chunks_.front().due, free_at_));
  else if (end_due_) consider(*end_due_);
  return first;
}

bool FaultPipe::is_over(Instant now) const {
  return end_due_ && now >= *end_due_ && chunks_.empty() && !tripped_ && !is_held(now);
}

bool FaultPipe::is_cut(Instant now) const { return tripped_ && chunks_.empty() && !is_held(now); }

}  // namespace parley::test
