// Virtual time: what happens when, in one thread. Events of one moment happen in the order in which they were
// asked for, so a seed gives one history.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/clock.h"

namespace parley::sim {

class Timeline {
 public:
  const Instant& now() const { return now_; }
  // Requires: not in the past.
  void at(Instant when, std::function<void()> what);
  // Until the end is reached, or stop() was called; then it does nothing any more.
  void run_until(Instant end);
  void stop() { stopped_ = true; }
  bool stopped() const { return stopped_; }
  std::uint64_t events() const { return happened_; }

 private:
  struct Event {
    Instant when;
    std::uint64_t order;
    std::function<void()> what;
    // std::push_heap keeps the greatest in front: that is to be the earliest.
    friend bool operator<(const Event& a, const Event& b) {
      return a.when != b.when ? a.when > b.when : a.order > b.order;
    }
  };

  Instant now_{std::chrono::hours(1)};
  std::vector<Event> heap_;
  std::uint64_t asked_ = 0;
  std::uint64_t happened_ = 0;
  bool stopped_ = false;
};

}  // namespace parley::sim
