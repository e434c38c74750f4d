// A map with a bound: when full, the entry that was used longest ago makes room. One owner thread.
#pragma once

#include <list>
#include <unordered_map>
#include <utility>

#include "base/assert.h"

namespace parley {

template <typename Key, typename Value, typename Hash = std::hash<Key>>
class Lru {
 public:
  // Requires: entries_max > 0.
  explicit Lru(std::size_t entries_max) : entries_max_(entries_max) {
    PARLEY_ASSERT(entries_max > 0);
  }

  // Null if there is none; otherwise it now counts as just used. Valid until the next put or erase.
  Value* find(const Key& key) {
    const auto found = places_.find(key);
    if (found == places_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return &found->second->second;
  }

  // Adds or replaces.
  Value& put(const Key& key, Value value) {
    if (Value* present = find(key)) return *present = std::move(value);
    if (entries_.size() == entries_max_) {
      places_.erase(entries_.back().first);
      entries_.pop_back();
    }
    entries_.emplace_front(key, std::move(value));
    places_.emplace(key, entries_.begin());
    return entries_.front().second;
  }

  void erase(const Key& key) {
    const auto found = places_.find(key);
    if (found == places_.end()) return;
    entries_.erase(found->second);
    places_.erase(found);
  }

  std::size_t size() const { return entries_.size(); }

 private:
  using Entries = std::list<std::pair<Key, Value>>;
  std::size_t entries_max_;
  Entries entries_;  // most recently used first
  std::unordered_map<Key, typename Entries::iterator, Hash> places_;
};

}  // namespace parley
