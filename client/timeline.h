// One conversation's log as this device has it: everything up to `last`, without holes. Pure.
//
// Entries come from three sides that race each other: pushes, acks of own sends, pulls. The rule for all:
//   seq == last + 1 → it is next;  seq <= last → known, dropped;  seq > last + 1 → held, and if what lies
//   between does not come by itself within `patience`, it is pulled.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "client/message.h"

namespace parley::client {

struct TimelineOptions {
  Duration patience = 150ms;
  Duration retry_base = 500ms;
  Duration retry_cap = 15s;
  // Held beyond a gap. The farthest are dropped first: they will be pulled with the rest.
  std::size_t held_max = 64;
};

class Timeline {
 public:
  // Starts unplaced: holds entries, applies none, until place() says where this device begins.
  explicit Timeline(const TimelineOptions& options) : options_(&options) {}

  // Everything up to `last` is known or none of ours. Returns what has waited for it.
  // Requires: !is_placed().
  std::vector<Entry> place(Seq last, Instant now);
  bool is_placed() const { return placed_; }

  // Takes an entry from whichever side; returns what becomes readable by it, in order.
  std::vector<Entry> offer(Entry entry, Instant now);
  // The server's log goes up to `head`: what is missing is pulled without patience, since nothing is on its way.
  void head_is(Seq head, Instant now);

  struct Range {
    Seq from;
    Seq to;
  };
  // The range to be pulled now, which is being pulled from then on: exactly one of the three below follows.
  std::optional<Range> take_pull(Instant now);
  // Its entries have been offered.
  void pulled(Instant now, Random& random);
  // It was refused or not answered. `hint`: how long the server wants us to wait at least.
  void pull_failed(Instant now, Duration hint, Random& random);
  // The connection is gone.
  void disconnected(Instant now);

  // When take_pull may have something.
  std::optional<Instant> next_due() const;

  Seq last() const { return last_; }
  Seq head() const { return head_; }  // the greatest number ever heard of

 private:
  struct Whole {};
  struct Missing {
    Instant due;
    unsigned fruitless = 0;  // pulls in a row that brought nothing
  };
  struct Pulling {
    Seq last_before;
    unsigned fruitless = 0;
  };
  void hold(Entry entry);
  void take_held(std::vector<Entry>& readable);
  void look_for_gap(Instant now, Seq last_before);

  const TimelineOptions* options_;
  bool placed_ = false;
  Seq last_;
  Seq head_;
  std::map<Seq, Entry> held_;
  std::variant<Whole, Missing, Pulling> state_;
};

}  // namespace parley::client
