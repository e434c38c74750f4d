// Brings a total that a pure core counts into a metric: adds what has come since the last time. A total that is
// smaller than before has begun anew, and all of it has come.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/metrics.h"

namespace parley {

class CounterFeed {
 public:
  CounterFeed(Metrics& metrics, const std::string& name, const std::string& help,
              Labels labels = {})
      : counter_(metrics.counter(name, help, labels)) {}
  void set(std::uint64_t total) {
    const std::uint64_t before = std::exchange(seen_, total);
    counter_.add(total < before ? total : total - before);
  }
  Counter counter() const { return counter_; }

 private:
  Counter counter_;
  std::uint64_t seen_ = 0;
};

}  // namespace parley
