#include "workers/event_sweeper.h"

namespace parley {

EventSweeper::EventSweeper(Loop& loop, std::unique_ptr<EventStore> events,
                           const SweepOptions& options,
                           std::function<void(const PackedDelivery&)> on_news)
    : on_news_(std::move(on_news)),
      events_(std::move(events)),
      wakeup_(loop, [this] { collect(); }),
      timer_(loop, [this] { thread_->submit({Tick{}}); }),
      sweep_(*events_, options) {
  thread_ = std::make_unique<Thread>(
      Thread::Options{.batch_max = 1, .wake = [this] { wakeup_.notify(); }},
      [this](std::vector<Tick>&, Thread::Reporter& reporter) {
        reporter.emit(sweep_.run({monotonic_now(), wall_clock_ms()}));
      });
  timer_.once(Duration::zero());
}

void EventSweeper::stop() {
  stopped_ = true;
  timer_.stop();
}

void EventSweeper::collect() {
  for (const EventSweep::Round& round : thread_->take_results()) {
    for (const PackedDelivery& message : round.news) on_news_(message);
    if (!stopped_) timer_.once(round.next);
  }
}

}  // namespace parley
