// The sweep as a thread of a worker that serves `event`: with a connection of its own, woken by a timer
// of the loop. Several workers' sweepers do not disturb each other. Its being slow says nothing about
// the worker, so it is not asked whether it is alive.
//
// Thread: the loop's, but for the store, which lives on the sweeper's. The destructor waits for the
// round that is under way.
#pragma once

#include <functional>
#include <memory>

#include "base/loop.h"
#include "workers/batch_thread.h"
#include "workers/event_sweep.h"

namespace parley {

class EventSweeper {
 public:
  EventSweeper(Loop& loop, std::unique_ptr<EventStore> events, const SweepOptions& options,
               std::function<void(const PackedDelivery&)> on_news);

  // No further rounds: the worker drains.
  void stop();

 private:
  struct Tick {
    friend std::size_t bytes_of(const Tick&) { return sizeof(Tick); }
  };
  using Thread = BatchThread<Tick, EventSweep::Round>;

  void collect();

  const std::function<void(const PackedDelivery&)> on_news_;
  std::unique_ptr<EventStore> events_;
  Wakeup wakeup_;
  Timer timer_;
  bool stopped_ = false;
  EventSweep sweep_;                // of the thread
  std::unique_ptr<Thread> thread_;  // last: it uses all of the above
};

}  // namespace parley
