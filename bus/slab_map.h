// A hash table whose entries keep their index for life, so that other entries can point at them with four
// bytes, and lists through them. Nothing is allocated per entry: the slab grows to the largest size that was
// ever needed and is reused. The owner bounds its size. Nothing that can be seen of it depends on the hash.
// Pure; one owner thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "bus/seeded_hash.h"

namespace parley {

using SlabIndex = std::uint32_t;
inline constexpr SlabIndex no_index = std::numeric_limits<SlabIndex>::max();

template <typename Key, typename Value>
class SlabMap {
 public:
  explicit SlabMap(SeededHash<Key> hash = SeededHash<Key>()) : hash_(hash) {}

  // no_index if there is none.
  SlabIndex find(const Key& key) const {
    if (buckets_.empty()) return no_index;
    SlabIndex at = buckets_[bucket_of(key)];
    while (at != no_index && !(nodes_[at].key == key)) at = nodes_[at].next;
    return at;
  }

  // Requires: `key` is not there. References into the map do not survive it, indexes do.
  SlabIndex insert(const Key& key) {
    // Measured: in fuller buckets a broker's request costs 10 ns more.
    if (2 * size_ >= buckets_.size()) grow();
    const SlabIndex at = take_node();
    Node& node = nodes_[at];
    node.key = key;
    node.used = true;
    SlabIndex& bucket = buckets_[bucket_of(key)];
    node.next = bucket;
    bucket = at;
    ++size_;
    return at;
  }

  void erase(SlabIndex at) {
    PARLEY_ASSERT(at < nodes_.size() && nodes_[at].used);
    SlabIndex* link = &buckets_[bucket_of(nodes_[at].key)];
    while (*link != at) link = &nodes_[*link].next;
    *link = nodes_[at].next;
    nodes_[at].value = Value{};
    nodes_[at].used = false;
    nodes_[at].next = free_;
    free_ = at;
    --size_;
  }

  Value& operator[](SlabIndex at) { return nodes_[at].value; }
  const Value& operator[](SlabIndex at) const { return nodes_[at].value; }
  const Key& key(SlabIndex at) const { return nodes_[at].key; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // All entries, in no order; `visit` may erase the one that it is given.
  template <typename Visit>
  void for_each(Visit visit) {
    for (SlabIndex at = 0; at < nodes_.size(); ++at) {
      if (nodes_[at].used) visit(at);
    }
  }

 private:
  struct Node {
    Key key{};
    Value value{};
    SlabIndex next = no_index;  // in its bucket, or in the list of free nodes
    bool used = false;
  };

  std::size_t bucket_of(const Key& key) const { return hash_(key) >> shift_; }

  SlabIndex take_node() {
    if (free_ == no_index) {
      nodes_.emplace_back();
      return static_cast<SlabIndex>(nodes_.size() - 1);
    }
    return std::exchange(free_, nodes_[free_].next);
  }

  void grow() {
    const std::size_t buckets = buckets_.empty() ? 64 : buckets_.size() * 2;
    shift_ = buckets_.empty() ? 58 : shift_ - 1;
    buckets_.assign(buckets, no_index);
    for (SlabIndex at = 0; at < nodes_.size(); ++at) {
      if (!nodes_[at].used) continue;
      SlabIndex& bucket = buckets_[bucket_of(nodes_[at].key)];
      nodes_[at].next = std::exchange(bucket, at);
    }
  }

  SeededHash<Key> hash_;
  std::vector<Node> nodes_;
  std::vector<SlabIndex> buckets_;
  SlabIndex free_ = no_index;
  std::size_t size_ = 0;
  unsigned shift_ = 58;
};

// Where a value stands in a SlabList.
struct SlabLinks {
  SlabIndex prev = no_index;
  SlabIndex next = no_index;
};

// A doubly linked list through the values of a SlabMap; `Links` names their member that holds the links.
template <auto Links>
struct SlabList {
  SlabIndex head = no_index;
  SlabIndex tail = no_index;
  std::size_t size = 0;

  bool empty() const { return head == no_index; }

  template <typename Map>
  void push_back(Map& map, SlabIndex at) {
    (map[at].*Links) = SlabLinks{tail, no_index};
    if (tail == no_index) head = at;
    else (map[tail].*Links).next = at;
    tail = at;
    ++size;
  }

  template <typename Map>
  void erase(Map& map, SlabIndex at) {
    const SlabLinks links = map[at].*Links;
    if (links.prev == no_index) head = links.next;
    else (map[links.prev].*Links).next = links.next;
    if (links.next == no_index) tail = links.prev;
    else (map[links.next].*Links).prev = links.prev;
    (map[at].*Links) = SlabLinks{};
    --size;
  }

  // The indexes in order, for loops that change the list.
  template <typename Map>
  std::vector<SlabIndex> snapshot(const Map& map) const {
    std::vector<SlabIndex> all;
    all.reserve(size);
    for (SlabIndex at = head; at != no_index; at = (map[at].*Links).next) all.push_back(at);
    return all;
  }
};

}  // namespace parley
