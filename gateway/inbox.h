// Cuts a byte stream, which arrives in pieces of any size, into units of known length: a hello, then
// records. Whole units are handed out where they lie in the piece; only a unit that is split between
// pieces is copied, and its memory is given back when it is whole. Memory grows with the bytes that have
// arrived, never with a length that was declared. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"

namespace parley {

class Inbox {
 public:
  // The next piece. It must stay where it is until take…() has returned nothing.
  // Requires: take…() has returned nothing for the piece before.
  void receive(std::span<char> piece);

  // The next `size` bytes, valid until the next call; nothing if they are not all there yet.
  std::optional<std::span<char>> take(std::size_t size);
  // The sealed bytes of the next record. bad_frame: its prefix says a length that is not allowed.
  Result<std::optional<std::span<char>>> take_record(std::size_t sealed_max);
  // Forgets everything that has arrived.
  void discard();

  bool empty() const { return tail_.empty() && piece_.empty(); }
  // Heap memory that is held.
  std::size_t held_bytes() const;

 private:
  bool gather(std::size_t size);
  void keep_rest();

  std::string tail_;        // the beginning of a unit that is not whole yet
  std::span<char> piece_;   // what follows it
  bool tail_taken_ = false;  // tail_ was handed out by the last call
};

}  // namespace parley
