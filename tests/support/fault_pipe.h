// One direction of one connection through the fault proxy, without sockets, thread or clock: bytes that were
// read go in, and come out when and in the pieces that the conditions say; in order, and whole up to where
// the pipe is cut. Bounded: a reader must not push more than room().
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"
#include "tests/support/tripwire.h"

namespace parley::test {

enum class Flow {
  open,
  held,   // nothing comes out, not even the end; what is read waits
  unread  // nothing more is read; what was read goes on
};

// Of one direction.
struct Conditions {
  Flow flow = Flow::open;
  Duration delay = {};
  Duration jitter = {};                // added to the delay: evenly drawn from 0 to this
  std::uint64_t bytes_per_second = 0;  // 0: as fast as it can
  std::size_t slice = 0;               // at most so many bytes a write; 0: as many as there are

  bool operator==(const Conditions&) const = default;
};

class FaultPipe {
 public:
  static constexpr std::size_t bytes_max = 256 * 1024;

  FaultPipe(const Conditions& conditions, std::uint64_t seed)
      : conditions_(conditions), random_(seed) {}

  // What is on its way comes no later than if it were pushed now.
  void set(const Conditions& conditions, Instant now);
  const Conditions& conditions() const { return conditions_; }
  // Held until then, whatever the conditions become; a past instant: no longer.
  void hold_until(Instant when) { held_until_ = when; }

  // A wire judges all that comes from now on. Null takes it away and lets go what it kept back.
  void set_wire(std::unique_ptr<Tripwire> wire, Instant now);
  Tripwire* wire() { return wire_.get(); }

  // -- in
  // 0: the source is not to be read.
  std::size_t room() const;
  // Requires: at most room() bytes.
  void push(std::string_view bytes, Instant now);
  // The source has ended: so will the pipe, after all that was pushed, and no sooner than a byte would come.
  void end(Instant now);
  // A wire that keeps something back for a while has its time.
  void turn(Instant now);

  // -- out
  // To be written now; empty: nothing yet. Valid until anything else is called.
  std::string_view ready(Instant now);
  // So many of ready() were written.
  void written(std::size_t count, Instant now);
  // When there is something to do that time brings about.
  std::optional<Instant> wakes_at(Instant now) const;

  // Everything came out, and the source's end, too.
  bool is_over(Instant now) const;
  // A wire has cut it, …
  bool is_tripped() const { return tripped_; }
  // … and everything that it let pass came out.
  bool is_cut(Instant now) const;
  bool is_held(Instant now) const { return conditions_.flow == Flow::held || now < held_until_; }
  // Bytes within.
  std::size_t size() const { return size_ + kept_.size(); }
  bool has_ended() const { return end_due_.has_value(); }

 private:
  struct Chunk {
    std::string bytes;
    Instant due;
  };
  Instant due_at(Instant now);
  void enqueue(std::string bytes, Instant now);
  void obey(const Tripwire::Judgement& judgement, Instant now);
  std::size_t write_max() const;

  Conditions conditions_;
  Random random_;
  Instant held_until_{};
  std::deque<Chunk> chunks_;
  std::size_t offset_ = 0;  // of the first chunk, written
  std::size_t size_ = 0;    // in chunks_, not written
  Instant free_at_{};       // by the rate
  std::unique_ptr<Tripwire> wire_;
  std::string kept_;  // by the wire
  std::optional<Instant> end_due_;
  bool tripped_ = false;
};

}  // namespace parley::test
