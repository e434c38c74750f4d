#include "gateway/inbox.h"

#include <algorithm>

#include "base/assert.h"
#include "proto/channel.h"
#include "proto/limits.h"

namespace parley {

void Inbox::receive(std::span<char> piece) {
  PARLEY_ASSERT(piece_.empty());
  piece_ = piece;
}

// Whether tail_ has `size` bytes, after taking what is missing from the piece.
bool Inbox::gather(std::size_t size) {
  if (tail_.size() < size) {
    const auto part = piece_.first(std::min(size - tail_.size(), piece_.size()));
    tail_.append(part.data(), part.size());
    piece_ = piece_.subspan(part.size());
  }
  return tail_.size() >= size;
}

void Inbox::keep_rest() {
  tail_.append(piece_.data(), piece_.size());
  piece_ = {};
}

void Inbox::discard() {
  std::string().swap(tail_);
  piece_ = {};
  tail_taken_ = false;
}

std::optional<std::span<char>> Inbox::take(std::size_t size) {
  if (std::exchange(tail_taken_, false)) std::string().swap(tail_);
  if (!tail_.empty()) {
    tail_taken_ = gather(size);
    return tail_taken_ ? std::optional{std::span<char>(tail_)} : std::nullopt;
  }
  if (piece_.size() < size) {
    keep_rest();
    return std::nullopt;
  }
  const auto unit = piece_.first(size);
  piece_ = piece_.subspan(size);
  return unit;
}

Result<std::optional<std::span<char>>> Inbox::take_record(std::size_t sealed_max) {
  if (std::exchange(tail_taken_, false)) std::string().swap(tail_);
  if (!tail_.empty()) gather(limits::record_prefix_bytes);
  const std::string_view start =
      tail_.empty() ? std::string_view(piece_.data(), piece_.size()) : std::string_view(tail_);
  PARLEY_TRY(const auto length, record_length(start, sealed_max));
  const auto unit = take(limits::record_prefix_bytes + length.value_or(0));
  if (!unit || !length) return std::nullopt;
  return unit->subspan(limits::record_prefix_bytes);
}

std::size_t Inbox::held_bytes() const {
  return tail_.capacity() > sizeof(std::string) ? tail_.capacity() : 0;
}

}  // namespace parley
