// Non-zero 64-bit key → small value, open addressing: no allocation per entry, one cache line per look-up.
// For what happens on every request. Grows at 3/4, shrinks at 1/8 full; bounded by its user. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace parley {

template <typename V>
class IdMap {
 public:
  // Null if it is not there, which 0 never is. Valid until the map is changed.
  V* find(std::uint64_t key) {
    if (slots_.empty() || key == 0) return nullptr;
    Slot& slot = slots_[probe(key)];
    return slot.key == key ? &slot.value : nullptr;
  }
  const V* find(std::uint64_t key) const { return const_cast<IdMap*>(this)->find(key); }

  // The value of `key`, made from V{} if it was not there. Valid until the map is changed.
  V& operator[](std::uint64_t key) {
    PARLEY_ASSERT(key != 0);
    if ((size_ + 1) * 4 > slots_.size() * 3) resize(slots_.empty() ? 16 : slots_.size() * 2);
    Slot& slot = slots_[probe(key)];
    if (slot.key == 0) {
      slot.key = key;
      ++size_;
    }
    return slot.value;
  }

  // Whether it was there.
  bool erase(std::uint64_t key) {
    if (slots_.empty() || key == 0) return false;
    std::size_t hole = probe(key);
    if (slots_[hole].key != key) return false;
    close_gap(hole);
    --size_;
    if (slots_.size() > 64 && size_ * 8 < slots_.size()) resize(slots_.size() / 2);
    return true;
  }

  std::size_t size() const { return size_; }

 private:
  struct Slot {
    std::uint64_t key = 0;  // 0: free
    V value{};
  };

  std::size_t home(std::uint64_t key) const {
    return static_cast<std::size_t>((key * 0x9E3779B97F4A7C15ULL) >> 20) & (slots_.size() - 1);
  }

  // Where `key` is, or the free slot where it would be.
  std::size_t probe(std::uint64_t key) const {
    std::size_t at = home(key);
    while (slots_[at].key != 0 && slots_[at].key != key) at = (at + 1) & (slots_.size() - 1);
    return at;
  }

  // Moves back what had to give way, so that no search ends at the gap too early.
  void close_gap(std::size_t hole) {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = (hole + 1) & mask; slots_[at].key != 0; at = (at + 1) & mask) {
      const std::size_t wish = home(slots_[at].key);
      if (((at - wish) & mask) < ((at - hole) & mask)) continue;
      slots_[hole] = std::move(slots_[at]);
      hole = at;
    }
    slots_[hole] = {};
  }

  void resize(std::size_t slots) {
    std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(slots));
    for (Slot& slot : old)
      if (slot.key != 0) slots_[probe(slot.key)] = std::move(slot);
  }

  std::vector<Slot> slots_;  // empty, or a power of two
  std::size_t size_ = 0;
};

}  // namespace parley
