// Brings a total that a pure core counts into a metric: adds what has come since the last time.
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
  void set(std::uint64_t total) { counter_.add(total - std::exchange(seen_, total)); }

 private:
  Counter counter_;
  std::uint64_t seen_ = 0;
};

}  // namespace parley
