// Decides which child process is started, stopped, killed or given a pause, and when. Pure: events in,
// actions out; no process, no clock. The shell is up.cc.
//
//             begin, stage reached                ready (service), ended well (task)
//   waiting ────────────────────────▶ starting ──────────────────────────────▶ running / ended
//                                        ▲  │ dies, or not ready in time: killed       │ dies
//                                        │  ▼                                          ▼
//                                        └─ backing off ◀──────────────────────────────┘
//   any of them ── stop ──▶ stopping ── too late ──▶ killed ──▶ ended
//
// Stages start in ascending order, each when the one before is ready for the first time, and stop in
// descending order, each when the one after has ended.
// Until everything was ready once, a death ends the whole start: a wrong setting is shown to the person
// at the terminal, not retried. After that nothing is ever given up: a child that dies is started again
// after a pause that grows; one that dies too often is reported and then tried at a slow pace.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/random.h"

namespace parley {

class Supervisor {
 public:
  enum class Kind {
    service,  // runs for ever: any end is a death
    task      // runs once, at the start; has to end well
  };

  struct Child {
    std::string name;
    unsigned stage = 0;
    Kind kind = Kind::service;
    Duration start_limit = 30s;  // not ready by then: killed, which is a death
    Duration stop_limit = 10s;   // not ended by then: killed
  };

  struct Options {
    Duration pause_base = 100ms;
    Duration pause_max = 10s;
    unsigned deaths_max = 5;     // within death_window; beyond: a crash loop
    Duration death_window = 60s;
    Duration crash_loop_pause = 30s;
  };

  // What the shell has to do. `child`: index of the children given.
  struct Start { std::size_t child; };
  struct Stop { std::size_t child; };
  struct Kill { std::size_t child; };
  // What it has to tell people.
  struct AllReady {};  // once
  struct Died {
    std::size_t child;
    Duration again_after;
    bool crash_loop;
  };
  struct Finished {  // everything has ended; the last action
    std::optional<std::size_t> failed;  // the child whose death ended the start
  };
  using Action = std::variant<Start, Stop, Kill, AllReady, Died, Finished>;

  Supervisor(std::vector<Child> children, Options options, Random random);

  void begin(Instant now);
  // The child does its work. Ignored unless it is starting: it may have died in the meantime.
  void on_ready(std::size_t child, Instant now);
  // The child has ended, or could not be started. Requires: it was started.
  void on_exit(std::size_t child, bool ok, Instant now);
  void stop(Instant now);
  // Time has passed.
  void tick(Instant now);
  // When tick is wanted at the latest.
  std::optional<Instant> next_deadline() const;
  // What is to be done now, in this order.
  std::vector<Action> take_actions();

  // "starting", "running" …, for people.
  std::string_view state_name(std::size_t child) const;
  bool is_starting(std::size_t child) const;
  // How often it was started again.
  unsigned restarts(std::size_t child) const { return slots_[child].restarts; }

 private:
  struct Waiting {};
  struct Starting { Instant deadline; };
  struct Running {};
  struct BackingOff { Instant until; };
  struct Stopping { Instant deadline; };
  struct Killed {};
  struct Ended {};
  using State = std::variant<Waiting, Starting, Running, BackingOff, Stopping, Killed, Ended>;

  struct Slot {
    Child child;
    State state = Waiting{};
    std::deque<Instant> deaths = {};  // within the window; at most deaths_max + 1
    unsigned restarts = 0;
  };

  void start(std::size_t child, Instant now);
  void on_death(std::size_t child, Instant now);
  void start_stage_if_due(Instant now);
  void stop_stage(Instant now);
  bool stage_is_up(unsigned stage) const;
  bool stage_has_ended(unsigned stage) const;

  Options options_;
  Random random_;
  std::vector<Slot> slots_;
  std::vector<Action> actions_;
  unsigned stage_ = 0;  // starting: the newest that was started; stopping: the one being stopped
  unsigned last_stage_ = 0;
  bool all_ready_ = false;
  bool stopping_ = false;
  bool finished_ = false;
  std::optional<std::size_t> failed_;
};

}  // namespace parley
