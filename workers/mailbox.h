// A queue into one thread: whoever owns it takes everything that is there at once, in order of
// arrival, which is just what a batch is. Lock-free: put() is one compare-and-swap, take_all() one
// exchange.
//
// No bound of its own: users name what bounds them (batch_thread.h). Not a library's queue, because
// those of our distribution order memory by fences, which GCC's thread sanitizer cannot follow;
// this one it checks.
#pragma once

#include <semaphore.h>

#include <algorithm>
#include <atomic>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace parley {

template <typename T>
class Mailbox {
 public:
  Mailbox() { PARLEY_ASSERT(sem_init(&filled_, 0, 0) == 0); }
  ~Mailbox() {
    take_all();
    sem_destroy(&filled_);
  }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // Any thread.
  void put(T value) {
    Node* older = newest_.load(std::memory_order_relaxed);
    Node* node = new Node{std::move(value), older};
    // Nodes leave only all at once, so one that is still the newest has not been gone in between
    // (ABA).
    while (!newest_.compare_exchange_weak(older, node)) node->older = older;
    // `node` may be gone already. The owner sleeps only after it has seen an empty box.
    if (older == nullptr) PARLEY_ASSERT(sem_post(&filled_) == 0);
  }

  // Any thread; what it says may be over at once.
  bool empty() const { return newest_.load(std::memory_order_acquire) == nullptr; }

  // -- the owner's thread

  std::vector<T> take_all() {
    std::vector<T> values;
    // So that posts do not pile up where the owner never sleeps. One that belongs to a later value
    // may go, too: wait() looks before it sleeps.
    while (sem_trywait(&filled_) == 0) {
    }
    for (Node* node = newest_.exchange(nullptr); node != nullptr;) {
      values.push_back(std::move(node->value));
      delete std::exchange(node, node->older);
    }
    std::ranges::reverse(values);
    return values;
  }
  // Returns when something is there.
  void wait() {
    // Posted for what was taken long ago, or interrupted: look again.
    while (empty()) sem_wait(&filled_);
  }

 private:
  struct Node {
    T value;
    Node* older;
  };
  std::atomic<Node*> newest_ = nullptr;
  sem_t filled_;  // std::atomic's wait would yield four times before each sleep
};

}  // namespace parley
