// A queue into one thread: whoever owns it takes everything that is there at once, in order of
// arrival, which is just what a batch is. Lock-free: put() is one compare-and-swap, take_all() one
// exchange.
//
// No bound of its own: users name what bounds them (batch_thread.h). Not a library's queue, because
// those of our distribution order memory by fences, which GCC's thread sanitizer cannot follow;
// this one it checks.
#pragma once

#include <algorithm>
#include <atomic>
#include <utility>
#include <vector>

namespace parley {

template <typename T>
class Mailbox {
 public:
  Mailbox() = default;
  ~Mailbox() { take_all(); }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // Any thread.
  void put(T value) {
    Node* node = new Node{std::move(value), newest_.load(std::memory_order_relaxed)};
    // Nodes leave only all at once, so one that is still the newest has not been gone in between
    // (ABA).
    while (!newest_.compare_exchange_weak(node->older, node)) {
    }
    newest_.notify_one();
  }

  // Any thread; what it says may be over at once.
  bool empty() const { return newest_.load(std::memory_order_acquire) == nullptr; }

  // -- the owner's thread

  std::vector<T> take_all() {
    std::vector<T> values;
    for (Node* node = newest_.exchange(nullptr); node != nullptr;) {
      values.push_back(std::move(node->value));
      delete std::exchange(node, node->older);
    }
    std::ranges::reverse(values);
    return values;
  }
  // Returns when something is there.
  void wait() const { newest_.wait(nullptr); }

 private:
  struct Node {
    T value;
    Node* older;
  };
  std::atomic<Node*> newest_ = nullptr;
};

}  // namespace parley
