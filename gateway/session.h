// One client's state at a gateway: bytes in; sealed bytes, and at most one thing to do at a time, out.
// Pure: no socket, no clock, no bus. Its owner feeds what was read, carries out each Action, hands in the
// replies, and writes what was appended to `out`. One owner thread; nothing is allocated per frame.
//
//   Handshake ──hello──▶ AwaitLogin ◀──refused── LoggingIn ──granted──▶ Ready ──▶ Closing
//                             └──anonymous verb──────▲            any ──failure──▶ Closing
//
// Who may ask what, when (verbs.def); every request has exactly one answer:
//   caller of the verb │ AwaitLogin      │ LoggingIn       │ Ready            │ Closing
//   anonymous          │ published       │ bad_request     │ bad_request      │ not read
//   user               │ unauthenticated │ unauthenticated │ published        │ not read
//   gateway, unknown   │ unsupported     │ unsupported     │ unsupported      │ not read
// Over the rate → rate_limited before all that. Where the table says published, then still: draining →
// going_away; body too long → too_large; number in use → bad_request; too many unanswered → rate_limited.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gateway/counts.h"
#include "gateway/fences.h"
#include "gateway/inbox.h"
#include "gateway/rate_guard.h"
#include "proto/channel.h"
#include "proto/envelope.h"
#include "proto/verbs.h"

namespace parley {

// What all sessions of a gateway share. Must outlive them.
struct SessionRules {
  std::vector<ServerKey> keys;                // at most two
  std::function<SecretKey()> new_ephemeral;   // fresh chance
  Transport transport = Transport::tcp;
  std::uint64_t trace_seed = 0;               // random per process
  Duration first_byte = 3s;                   // these three from the moment of connecting
  Duration handshake = 5s;
  Duration login = 10s;
  Duration idle = 90s;                        // since the last frame
  Duration closing = 1s;                      // a client that was told why it is closed may read it
  std::size_t in_flight_max = 64;
  RateRule frames;
};

class Session {
 public:
  // -- what the owner has to do
  struct Nothing {};  // of next(): read more first
  // Publish this, or call refuse(). `body` is valid until the next call.
  struct Publish {
    EnvelopeHeader header;
    std::string_view body;
    FrameHeader request;  // what the answer has to be paired with
  };
  // Enter the session into the table; close() it if that is refused.
  struct Bind {
    SessionIdentity identity;
  };
  // The session is over: nothing further is to be asked of it but bytes to drop.
  // `told`: a close frame is in `out`; write it, then end the connection. Otherwise end it at once.
  struct Close {
    std::optional<Errc> reason;  // nothing: the client's own wish
    bool told;
  };
  using Action = std::variant<Nothing, Publish, Bind, Close>;

  Session(ConnectionId id, std::uint64_t origin, const SessionRules& rules, GatewayCounts& counts,
          Instant now);

  // -- from the client
  // Bytes that were read. Call next() until it returns Nothing or the session is closing.
  // Requires: not closing; `bytes` stays where it is until then.
  void receive(std::span<char> bytes) { inbox_.receive(bytes); }
  Action next(Instant now, std::string& out);

  // -- from the bus
  // The answer to a Publish. An answer to what is not asked (any more) is dropped.
  Action on_reply(FrameHeader request, const EnvelopeHeader& reply, std::string_view body,
                  Instant now, std::string& out);
  // A Publish could not be done.
  void refuse(const FrameHeader& request, const Error& error, Instant now, std::string& out);
  // Requires: is_ready().
  void notify(Notice notice, std::uint64_t target, std::string_view body, Instant now,
              std::string& out);

  // -- from the gateway
  // Ends the session for a reason of the gateway's. Requires: not closing.
  Action close(Errc reason, std::uint32_t retry_after_ms, Instant now, std::string& out);
  // The gateway is going: takes nothing new, and closes when the last answer has been given.
  Action leave(std::uint32_t retry_after_ms, Instant now, std::string& out);
  // To be called at deadline() or later; earlier is harmless.
  Action on_deadline(Instant now, std::string& out);
  Instant deadline() const;

  bool is_ready() const { return std::holds_alternative<Ready>(state_); }
  bool is_closing() const { return std::holds_alternative<Closing>(state_); }
  bool has_logged_in() const { return logged_in_; }
  // Nothing has been asked of us yet, or it has been answered: no login, nothing under way.
  bool is_silent() const {
    return std::holds_alternative<Handshake>(state_) || std::holds_alternative<AwaitLogin>(state_);
  }
  ConnectionId id() const { return id_; }
  std::uint64_t origin() const { return origin_; }
  std::size_t in_flight() const;
  // Heap memory that is held.
  std::size_t held_bytes() const { return inbox_.held_bytes(); }

 private:
  struct Handshake {
    Instant since;
    bool heard = false;  // a first byte has come
  };
  struct AwaitLogin {
    Instant since;  // connected
  };
  struct LoggingIn {
    Instant since;
    std::uint32_t number;
  };
  struct Ready {
    UserId user;
    DeviceId device;
    Generation generation;
    Instant heard;
    std::vector<std::uint32_t> in_flight;  // requests' numbers; at most in_flight_max, so: a search
  };
  struct Closing {
    Instant since;
  };

  Action next_record(Instant now, std::string& out);
  Action shake_hands(std::string_view hello, Instant now, std::string& out);
  Action on_frame(const Frame& frame, RateGuard::Verdict verdict, Instant now, std::string& out);
  Action on_request(const Frame& frame, Instant now, std::string& out);
  Action within_rate(const FrameHeader& header, RateGuard::Verdict verdict, Instant now,
                     std::string& out);
  Action over_rate(const FrameHeader& header, RateGuard::Verdict verdict, Instant now,
                   std::string& out);
  std::optional<Errc> objection(const VerbInfo& verb, const Frame& frame) const;
  Publish publish(const VerbInfo& verb, const Frame& frame);
  Action granted(const EnvelopeHeader& reply, Instant now);
  bool finish_request(std::uint32_t number);
  Action say_goodbye(Instant now, std::string& out);
  Action break_off(Errc reason, Instant now);
  void enter_closing(std::size_t reason, Instant now);
  Action left_if_done(Instant now, std::string& out);
  void answer_error(FrameHeader request, const Error& error, Instant now, std::string& out);
  void seal(const FrameHeader& header, std::string_view body, Instant now, std::string& out);
  void heard(Instant now);

  const SessionRules& rules_;
  GatewayCounts& counts_;
  ConnectionId id_;
  std::uint64_t origin_;
  std::variant<Handshake, AwaitLogin, LoggingIn, Ready, Closing> state_;
  std::optional<Channel> channel_;  // once the handshake is done
  Inbox inbox_;
  RateGuard guard_;
  std::uint32_t leave_after_ms_ = 0;  // not 0: leaving; what the client is told
  std::uint32_t published_ = 0;       // requests
  bool logged_in_ = false;
};

}  // namespace parley
