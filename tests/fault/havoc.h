// The kinds of faults that chaos draws from: rows of RELIABILITY §3.2, each one function that breaks
// something and returns how it is mended and what proves that it took hold. Adding a kind is a function
// and a line in its file's table.
//
// All of it runs in the thread of the havoc, one strike or two at a time, and may block.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "tests/fault/schedule.h"
#include "tests/fault/visitor.h"
#include "tests/support/cluster.h"

namespace parley::test {

// Something that was read before and after; equal values, or nothing after, prove nothing.
struct Proof {
  std::int64_t before = 0;
  std::int64_t after = 0;
  std::string words;  // the same for people: "pid 17 → 23"
  bool holds() const { return after != 0 && after != before; }
};

struct Broken {
  std::string target;
  std::function<Proof()> mend;
};

// What faults are done to, and with.
struct Scene {
  Cluster& cluster;
  ClusterOptions shape;
  Random random;
  Visitors visitors;

  // "worker-2" of 1; the number is that of a strike's target.
  static std::string worker(unsigned i) { return "worker-" + std::to_string(i + 1); }
  static std::string broker(unsigned i) { return "broker-" + std::to_string(i + 1); }
  static std::string gateway(unsigned i) { return "gateway-" + std::to_string(i + 1); }
  std::vector<std::string> workers() const;
  std::vector<std::string> brokers() const;
  std::vector<std::string> gateways() const;
  // Brokers, workers and gateways.
  std::vector<std::string> ours() const;
};

struct ChaosKind {
  FaultShape shape;
  Duration hold;  // from breaking to mending
  // from_mending: no later than the target after it everything works again. from_injection: that, and
  // others take over, so nobody ever waits longer than the target.
  enum class Recovery { from_injection, from_mending };
  Recovery recovery;
  Duration target;
  std::function<Broken(Scene&, unsigned target)> strike;
  // Why this machine cannot do it; nothing: it can.
  std::optional<std::string> unavailable = {};
};

std::vector<ChaosKind> process_kinds();   // havoc_processes.cc
std::vector<ChaosKind> database_kinds();  // havoc_database.cc
std::vector<ChaosKind> cache_kinds();     // havoc_cache.cc
std::vector<ChaosKind> client_kinds();    // havoc_clients.cc
std::vector<ChaosKind> host_kinds();      // havoc_host.cc
std::vector<ChaosKind> network_kinds();   // havoc_network.cc
// All of them, for 2 brokers, 3 workers and 2 gateways.
std::vector<ChaosKind> all_kinds();

// -- for the kinds
void pass(Duration length);
// The letter in /proc/PID/stat: R, S, T (stopped) …; 0: no such process.
char state_of(std::int64_t pid);
// More than before, as a proof: "words: 3 → 7".
Proof grown(std::int64_t before, std::int64_t after, const std::string& words);

}  // namespace parley::test
