// Who is connected: ConnectionId → object, by index. Does not own the objects. Pure; one owner thread.
// Bound: the caller adds at most slots_max; memory never shrinks below the peak, 16 bytes a slot.
#pragma once

#include <vector>

#include "base/assert.h"
#include "gateway/connection_id.h"

namespace parley {

template <typename T>
class SlotMap {
 public:
  // The id under which `object` is found until remove().
  ConnectionId add(T* object) {
    if (free_.empty()) {
      PARLEY_ASSERT(slots_.size() < slots_max);
      free_.push_back(static_cast<std::uint32_t>(slots_.size()));
      slots_.emplace_back();
    }
    const std::uint32_t slot = free_.back();
    free_.pop_back();
    slots_[slot] = {connection_id(++serial_, slot), object};
    return slots_[slot].id;
  }

  // Null if it was removed.
  T* find(ConnectionId id) const {
    const std::uint32_t slot = slot_of(id);
    return slot < slots_.size() && slots_[slot].id == id ? slots_[slot].object : nullptr;
  }

  // Requires: it is there.
  void remove(ConnectionId id) {
    PARLEY_ASSERT(find(id) != nullptr);
    slots_[slot_of(id)] = {};
    free_.push_back(slot_of(id));
  }

  std::size_t size() const { return slots_.size() - free_.size(); }

  // Everyone who is there now; `visit` may add and remove.
  template <typename F>
  void for_each(F&& visit) const {
    for (std::size_t slot = 0; slot < slots_.size(); ++slot)
      if (slots_[slot].object != nullptr) visit(*slots_[slot].object);
  }

 private:
  struct Slot {
    ConnectionId id;
    T* object = nullptr;
  };
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::uint64_t serial_ = 0;
};

}  // namespace parley
