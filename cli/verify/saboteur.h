// Breaks a local Parley on purpose: `parley verify --data … --faults kill-worker,stop-broker`. What
// it kills, `parley up` starts again. Each fault is recorded with the proof that it took hold.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/loop.h"
#include "base/random.h"
#include "cli/verify/history.h"

namespace parley::verify {

struct FaultKind {
  enum class Way { kill, stop };
  Way way = Way::kill;
  std::string family;  // "worker": worker-1, worker-2 …
};
// "kill-worker,stop-broker". config: what is wrong with it.
Result<std::vector<FaultKind>> parse_faults(std::string_view text);
std::string to_text(const FaultKind& kind);

// One fault at a time, the kinds in turn, drawn among the processes of their family; the next one
// only when everybody is back. No process dies so often that `parley up` takes it for a loop.
class Saboteur {
 public:
  // Begins at once, in the loop's thread. `data`: a directory of `parley up`. References must
  // outlive it.
  Saboteur(Loop& loop, std::string data, std::vector<FaultKind> kinds, History& history);
  // Wakes up what it has stopped.
  ~Saboteur();
  Saboteur(const Saboteur&) = delete;
  Saboteur& operator=(const Saboteur&) = delete;

  // Starts no further fault.
  void finish() { finishing_ = true; }
  // The last one is over.
  bool is_done() const { return finishing_ && std::holds_alternative<Idle>(state_); }
  // Kinds of which no fault took hold.
  std::vector<std::string> kinds_without_effect() const;

 private:
  struct Idle {
    Instant next;
  };
  struct Killed {
    std::size_t kind;
    std::string process;
    int pid;
    Instant at;
  };
  struct Stopped {
    std::size_t kind;
    std::string process;
    int pid;
    char state_before;
    char state_during;
    Instant at;
  };
  void tick();
  void on_state(const Idle& idle);
  void on_state(const Killed& killed);
  void on_state(const Stopped& stopped);
  void break_something();
  std::optional<std::pair<std::string, int>> draw(const FaultKind& kind);
  void record(std::size_t kind, Instant at, const std::string& process, std::int64_t before,
              std::int64_t after);
  bool died_too_often(const std::string& process);

  const std::string data_;
  const std::vector<FaultKind> kinds_;
  History& history_;
  Random random_;
  std::variant<Idle, Killed, Stopped> state_;
  std::size_t turn_ = 0;
  std::vector<std::size_t> took_hold_;                 // by kind
  std::map<std::string, std::deque<Instant>> deaths_;  // by process, of the last minute
  bool finishing_ = false;
  Timer timer_;
};

}  // namespace parley::verify
