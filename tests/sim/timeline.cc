#include "tests/sim/timeline.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace parley::sim {

void Timeline::at(Instant when, std::function<void()> what) {
  PARLEY_ASSERT(when >= now_);
  heap_.push_back({when, ++asked_, std::move(what)});
  std::push_heap(heap_.begin(), heap_.end());
}

void Timeline::run_until(Instant end) {
  while (!stopped_ && !heap_.empty() && heap_.front().when <= end) {
    std::pop_heap(heap_.begin(), heap_.end());
    const Event event = std::move(heap_.back());
    heap_.pop_back();
    now_ = event.when;
    ++happened_;
    event.what();
  }
  now_ = std::max(now_, end);
}

}  // namespace parley::sim
