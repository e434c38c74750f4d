// Keeps callers from waiting for something that is away: pure, the caller brings the time. Closed,
// every call may be made. Five failures in a row, within two seconds, open it: then one call each
// 500 ms may be made, as a probe, and the first that succeeds closes it. Two seconds, because five
// calls that each wait 200 ms for a stopped server take one by themselves, more on a busy machine.
#pragma once

#include <array>
#include <variant>

#include "base/clock.h"

namespace parley {

class CircuitBreaker {
 public:
  static constexpr std::size_t failures_to_open = 5;
  static constexpr Duration window = 2s;
  static constexpr Duration probe_every = 500ms;

  // Whether to make a call now. In the open state a yes is a probe, and the next is due later.
  bool may_call(Instant now) {
    auto* open = std::get_if<Open>(&state_);
    if (open == nullptr) return true;
    if (now < open->next_probe) return false;
    open->next_probe = now + probe_every;
    return true;
  }

  // Whether this changed the state, which is worth a line in the log.
  bool succeeded() {
    const bool was_open = is_open();
    state_ = Closed{};
    return was_open;
  }
  bool failed(Instant now) {
    auto* closed = std::get_if<Closed>(&state_);
    if (closed == nullptr) return false;
    Instant& oldest = closed->failures[closed->count++ % failures_to_open];
    oldest = now;
    if (closed->count < failures_to_open) return false;
    if (now - closed->failures[closed->count % failures_to_open] > window) return false;
    state_ = Open{now + probe_every};
    return true;
  }

  bool is_open() const { return std::holds_alternative<Open>(state_); }

 private:
  struct Closed {
    std::array<Instant, failures_to_open> failures;  // a ring
    std::size_t count;
  };
  struct Open {
    Instant next_probe;
  };
  std::variant<Closed, Open> state_{Closed{}};
};

}  // namespace parley
