// Several envelopes for one receiver travel as one ZeroMQ message, because ZeroMQ's price is per
// message and not per byte. One that is alone travels as it is, so an idle bus waits for nothing.
// Pure.
//
//   batch = envelope of kind `batch`, whose body is: (u32 length | envelope), once or more
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "proto/bytes.h"
#include "proto/envelope.h"
#include "proto/limits.h"

namespace parley {

// A batch takes nothing more once it is larger than this; so ZeroMQ's queues, which count messages,
// are bounded in bytes too.
inline constexpr std::size_t batch_bytes = 64 * 1024;
static_assert(batch_bytes + limits::envelope_header_bytes <= limits::envelope_max);

// The next message of the envelopes next … last: as many as fit, at least one, and `next` is then the first
// that is not in it. A single one is not copied: the message lasts as long as the envelopes and `batch`.
// Requires: next != last; each is a valid envelope.
template <typename Iterator>
std::string_view pack(Iterator& next, Iterator last, std::string& batch) {
  const Iterator first = next++;
  if (next == last || first->size() + next->size() > batch_bytes) return *first;
  batch = encode(EnvelopeHeader{.kind = EnvelopeKind::batch}, {});
  for (next = first; next != last && batch.size() + next->size() <= batch_bytes; ++next) {
    append(batch, static_cast<std::uint32_t>(next->size()));
    batch += *next;
  }
  return batch;
}

// By its first two bytes alone: an envelope is decoded once, by whom it is for.
inline bool is_batch(std::string_view envelope) {
  return envelope.size() >= limits::envelope_header_bytes &&
         envelope.size() <= limits::envelope_max &&
         load<std::uint8_t>(envelope, 0) == envelope_version &&
         load<std::uint8_t>(envelope, 1) == static_cast<std::uint8_t>(EnvelopeKind::batch);
}

// Calls `each` for every envelope of a message, in order; what is no batch counts as a single one.
// False: it is too large, or its rest is cut off or holds a batch itself, and was left out.
template <typename Each>
bool unpack(std::string_view message, Each each) {
  if (!is_batch(message)) {
    each(message);
    return true;
  }
  std::string_view rest = message.substr(limits::envelope_header_bytes);
  if (rest.size() > batch_bytes) return false;
  while (rest.size() >= sizeof(std::uint32_t)) {
    const std::size_t length = load<std::uint32_t>(rest, 0);
    rest.remove_prefix(sizeof(std::uint32_t));
    if (length > rest.size() || is_batch(rest.substr(0, length))) return false;
    each(rest.substr(0, length));
    rest.remove_prefix(length);
  }
  return rest.empty();
}

// The same for whoever keeps them: `each` is given the bytes, a single one's without a copy.
template <typename Each>
bool unpack(std::string&& message, Each each) {
  if (is_batch(message))
    return unpack(std::string_view(message), [&](std::string_view one) { each(std::string(one)); });
  each(std::move(message));
  return true;
}

}  // namespace parley
