// A simulated process: it starts, stands still (SIGSTOP) and goes on, dies (kill -9) or ends, and starts again
// as another life. What it asked for in one life never happens in the next; what falls due while it stands
// still happens when it goes on, in order, like timers and sockets of a process that was stopped.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/random.h"
#include "tests/sim/timeline.h"
#include "tests/sim/trace.h"

namespace parley::sim {

// What all parts of one simulated world share.
struct Universe {
  explicit Universe(std::uint64_t seed) : random(seed) {}
  Timeline timeline;
  Random random;
  Trace trace;
  Duration latency_min{};  // of the network
  Duration latency_max{};
  std::uint64_t young_breaks_per_thousand = 0;  // connections that break while they are new
  std::uint64_t repeats = 0;                    // envelopes that arrived twice
  std::unordered_set<std::string> repeated_deliveries;  // their bodies, which are all different

  Instant now() const { return timeline.now(); }
  bool chance(std::uint64_t per_thousand) { return random.below(1'000) < per_thousand; }
  Duration latency() { return random.between(latency_min, latency_max); }
};

class Node {
 public:
  Node(Universe& universe, std::string name) : universe_(universe), name_(std::move(name)) {}
  virtual ~Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // Requires: not running.
  void start();
  void kill();  // kill -9; nothing if it is dead
  // SIGTERM: ends by itself, some time later. Nothing if it is dead or ends already.
  void terminate();
  void pause();
  void resume();

  bool alive() const { return alive_; }
  bool paused() const { return paused_; }
  bool runs() const { return alive_ && !paused_; }
  bool terminating() const { return terminating_; }
  std::uint64_t life() const { return life_; }
  const std::string& name() const { return name_; }
  // When it last went on after standing still; for how long it stood at most, of those times that ended since.
  Instant resumed_at() const { return stops_.empty() ? Instant{} : stops_.back().first; }
  Duration longest_stop_since(Instant since) const;

  // Once, in this life.
  void after(Duration delay, std::function<void()> what);
  // Again and again in this life, first after `period`.
  void every(Duration period, std::function<void()> what);
  // Something arrived for it: turn() soon.
  void wake();

  Universe& universe() const { return universe_; }

 protected:
  virtual void on_start() = 0;
  virtual void on_terminate() = 0;
  virtual void on_end() = 0;   // killed or finished: everything of this life goes
  virtual void turn() = 0;     // reads what arrived and acts
  virtual void flush() = 0;    // after anything that it did
  void finish();               // ends this life from within, in order

 private:
  void run(const std::function<void()>& what);
  void end();

  Universe& universe_;
  const std::string name_;
  std::uint64_t life_ = 0;
  bool alive_ = false;
  bool paused_ = false;
  bool terminating_ = false;
  bool woken_ = false;
  Instant paused_at_;
  std::vector<std::pair<Instant, Duration>> stops_;  // of this life: end, how long
  std::vector<std::function<void()>> due_;  // while it stood still
};

}  // namespace parley::sim
