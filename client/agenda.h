// What is due when: at most one moment per key; those of one moment in the order in which they were entered.
// Pure. Bounded by the number of keys, that is by its owner.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/clock.h"

namespace parley::client {

template <typename Key>
class Agenda {
 public:
  // Enters `key` at `at`; if it is entered already, the earlier of both moments holds.
  void enter(const Key& key, Instant at) {
    const auto found = when_.find(key);
    if (found != when_.end()) {
      if (found->second.first <= at) return;
      order_.erase({found->second.first, found->second.second, key});
    }
    when_.insert_or_assign(key, std::pair{at, serial_});
    order_.emplace(at, serial_++, key);
  }

  // Takes out the first key that is due.
  std::optional<Key> take_due(Instant now) {
    if (order_.empty() || std::get<0>(*order_.begin()) > now) return std::nullopt;
    Key key = std::get<2>(*order_.begin());
    order_.erase(order_.begin());
    when_.erase(key);
    return key;
  }

  std::optional<Instant> next() const {
    if (order_.empty()) return std::nullopt;
    return std::get<0>(*order_.begin());
  }

 private:
  std::unordered_map<Key, std::pair<Instant, std::uint64_t>> when_;
  std::set<std::tuple<Instant, std::uint64_t, Key>> order_;
  std::uint64_t serial_ = 0;
};

}  // namespace parley::client
