#include "tests/fault/killer.h"

#include <poll.h>

namespace parley::test {

Killer::Killer(Cluster& cluster, std::vector<std::string> victims, Duration pace)
    : cluster_(cluster), victims_(std::move(victims)), pace_(pace), thread_([this] { work(); }) {}

void Killer::stop() {
  done_ = true;
  if (thread_.joinable()) thread_.join();
}

void Killer::work() {
  Instant next = monotonic_now() + pace_;
  for (std::size_t turn = 0; !done_; poll(nullptr, 0, 5)) {
    if (monotonic_now() < next) continue;
    next += pace_;
    kill(victims_[turn++ % victims_.size()]);
  }
}

void Killer::kill(const std::string& victim) {
  const std::int64_t before = cluster_.pid(victim);
  cluster_.kill9(victim);
  const Instant at = monotonic_now();
  cluster_.start(victim);
  faults_.add(
      at, "nemesis",
      Fault{.kind = "kill -9", .target = victim, .before = before, .after = cluster_.pid(victim)});
}

}  // namespace parley::test
