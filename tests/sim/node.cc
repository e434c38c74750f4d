#include "tests/sim/node.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace parley::sim {

void Node::start() {
  PARLEY_ASSERT(!alive_);
  ++life_;
  alive_ = true;
  paused_ = terminating_ = woken_ = false;
  universe_.trace.say(name_, "starts");
  on_start();
  flush();
}

void Node::end() {
  alive_ = paused_ = terminating_ = false;
  due_.clear();
  stops_.clear();
  ++life_;
  on_end();
}

void Node::kill() {
  if (!alive_) return;
  universe_.trace.say(name_, "is killed");
  end();
}

void Node::finish() {
  universe_.trace.say(name_, "ends");
  end();
}

void Node::terminate() {
  if (!runs() || std::exchange(terminating_, true)) return;
  universe_.trace.say(name_, "is asked to end");
  run([this] { on_terminate(); });
}

void Node::pause() {
  if (!runs()) return;
  universe_.trace.say(name_, "stands still");
  paused_ = true;
  paused_at_ = universe_.now();
}

void Node::resume() {
  if (!alive_ || !paused_) return;
  universe_.trace.say(name_, "goes on");
  paused_ = false;
  stops_.emplace_back(universe_.now(), universe_.now() - paused_at_);
  const std::uint64_t life = life_;
  for (const auto& what : std::exchange(due_, {})) {
    if (life == life_) run(what);
  }
}

Duration Node::longest_stop_since(Instant since) const {
  Duration longest{};
  for (const auto& [end, length] : stops_)
    if (end >= since) longest = std::max(longest, length);
  return longest;
}

void Node::run(const std::function<void()>& what) {
  const std::uint64_t life = life_;
  what();
  if (life == life_) flush();
}

void Node::after(Duration delay, std::function<void()> what) {
  universe_.timeline.at(universe_.now() + delay, [this, life = life_, what = std::move(what)] {
    if (life != life_) return;
    if (paused_) due_.push_back(what);
    else run(what);
  });
}

void Node::every(Duration period, std::function<void()> what) {
  after(period, [this, period, what = std::move(what)] {
    const std::uint64_t life = life_;
    what();
    if (life == life_) every(period, what);
  });
}

void Node::wake() {
  if (!alive_ || std::exchange(woken_, true)) return;
  after(universe_.random.between(0us, 50us), [this] {
    woken_ = false;
    turn();
  });
}

}  // namespace parley::sim
