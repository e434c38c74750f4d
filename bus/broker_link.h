// The life of one connection to one broker, as a gateway or worker sees it: register, stay alive, notice
// that the broker died, drains, or forgot us. Pure; the shell is broker_connection.h.
//
//   Connecting ──registered──> Up ──going_away──> Leaving (answers still come, nothing new is sent)
//       ^                       └───silence, disconnect, not_registered───┐        │
//       └──────────────────── Down: the shell opens a new socket <────────┴────────┘
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "base/clock.h"
#include "base/random.h"
#include "proto/envelope.h"

namespace parley {

struct LinkOptions {
  Duration ping_every = 500ms;
  Duration dead_after = 1500ms;
  Duration register_again = 500ms;     // no answer to REGISTER
  Duration refused_wait_min = 100ms;   // REGISTER was refused: waits with jitter, doubling
  Duration refused_wait_max = 2s;
};

class BrokerLink {
 public:
  enum class Change { none, up, leaving, down };
  enum class Say { nothing, register_us, ping, pong };
  struct Step {
    Change change = Change::none;
    Say say = Say::nothing;
  };

  BrokerLink(LinkOptions options, std::uint64_t seed) : options_(options), random_(seed) {}

  // A new socket was opened. What it says is queued until somebody is connected. The shell does not
  // register a process that is not alive; on_tick() then repeats the attempt.
  Step on_opened(Instant now);
  // Any message of the broker. Consumed here: registered, not_registered (but about a request while
  // leaving), ping, pong.
  Step on_message(const EnvelopeHeader& header, std::string_view body, Instant now);
  // The socket reached somebody, perhaps a broker that has just started: registers at once.
  Step on_connected();
  // The socket lost its connection.
  Step on_disconnected();
  // About every 100 ms, after the socket was drained. `alive`: whether the process still does its work; if
  // not it must look dead, so nothing is said.
  Step on_tick(Instant now, bool alive);

  bool is_up() const { return std::holds_alternative<Up>(state_); }
  // Whether answers may still come.
  bool is_registered() const { return is_up() || std::holds_alternative<Leaving>(state_); }
  // Its lasting name, hashed; 0 before it first said it.
  std::uint64_t broker() const { return broker_; }
  // The reason of the last refused registration, once.
  std::optional<std::uint16_t> take_refusal() { return std::exchange(refusal_, std::nullopt); }

 private:
  struct Down {};
  struct Connecting {
    Instant register_at;
    unsigned refusals = 0;
  };
  struct Up {
    std::uint64_t registration;
  };
  struct Leaving {};

  Step on_registered(std::string_view body, Instant now);
  Step on_turned_away(const EnvelopeHeader& header, Instant now);
  Step go_down();

  LinkOptions options_;
  Random random_;
  std::variant<Down, Connecting, Up, Leaving> state_;
  Instant heard_at_;
  Instant pinged_at_;
  Instant ticked_;
  std::uint64_t broker_ = 0;
  std::optional<std::uint16_t> refusal_;
};

}  // namespace parley
