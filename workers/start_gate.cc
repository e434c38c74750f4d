#include "workers/start_gate.h"

#include "base/log.h"

namespace parley {

StartGate::StartGate(Loop& loop, Handlers handlers, Random random, Pauses pauses)
    : handlers_(std::move(handlers)),
      random_(random),
      pauses_(pauses),
      timer_(loop, [this] { try_once(); }) {
  timer_.once(Duration::zero());
}

void StartGate::try_once() {
  const Status ready = handlers_.check();
  if (ready) {
    handlers_.open();
  } else if (ready.error().code == Errc::config) {
    handlers_.refused(ready.error());
  } else {
    if (attempts_ == 0) log::warn("database.awaited", {{"detail", ready.error().detail}});
    timer_.once(backoff(attempts_++, pauses_.first, pauses_.longest, random_));
  }
}

}  // namespace parley
