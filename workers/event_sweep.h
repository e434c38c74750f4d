// One round of the sweep: brings the outbox up to date with the logs, removes what nobody needs any
// more, and tells subscribers that there is something new. Whatever it leaves undone, the next round,
// here or in another worker, finds again. Thread: its store's.
#pragma once

#include <vector>

#include "store/event_store.h"
#include "workers/fanout.h"
#include "workers/outcome.h"

namespace parley {

struct SweepOptions {
  Duration every = 200ms;    // while somebody is subscribed
  Duration every_idle = 2s;  // while nobody is: so long may the first one's first events take
  Duration trim_every = 2s;
  std::int64_t keep_ms = std::int64_t{7} * 24 * 3'600'000;
  std::uint64_t keep_max = 10'000'000;  // events
};

class EventSweep {
 public:
  struct Round {
    std::vector<PackedDelivery> news;  // event.news, one for each subscriber that lags
    Duration next;                     // when to come again
  };

  EventSweep(EventStore& events, const SweepOptions& options)
      : events_(events), options_(options) {}

  Round run(const Moment& moment);

 private:
  // Full statements until one is not.
  Status sweep(const Moment& moment);
  Status trim(const Moment& moment);
  std::vector<PackedDelivery> news(const OutboxState& state);

  EventStore& events_;
  const SweepOptions options_;
  unsigned rounds_ = 0;
  Instant trim_due_{};
  EventCursor told_;  // what subscribers were told last
  bool failing_ = false;
};

}  // namespace parley
