// The life of a client's connection: dial, log in, stay alive, come back. Pure: values in, actions out.
//
//   state           | what happens               | next
//   ----------------+----------------------------+--------------------------------------------------------
//   Stopped         | start                      | Connecting
//   Waiting         | the pause is over          | Connecting, to the next gateway of the list
//   Connecting      | handshake done             | Authenticating with the best credential there is
//                   | closed, deadline           | Waiting
//   Authenticating  | login reply                | Ready
//                   | refused                    | Authenticating with the next credential; none: Stopped
//                   | conflict, bad_request …    | Stopped
//                   | retryable error, closed, deadline | Waiting, as long as the hint says
//   Ready           | closed, silent for 3 pings | Waiting
//   any             | close frame: replaced, revoked | Stopped: whoever took over is not fought
//                   | close frame: any other     | Waiting, as long as the hint says
//                   | stop                       | Stopped
//   any other event is ignored.
//
// Credentials in order: the access token of a former login (quick, in memory only), the device token, the
// password. Registration, if wanted, comes first; a name that is taken is tried with the password, since the
// reply to an earlier registration of ours may have been lost.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "client/action.h"
#include "client/local_log.h"
#include "client/wire.h"
#include "proto/frame.h"
#include "proto/verbs.h"

namespace parley::client {

enum class Account : std::uint8_t { existing, create };

struct Credentials {
  std::string name{};
  std::string password{};  // empty: tokens only
  DeviceClass device_class = DeviceClass::pc;
  Account account = Account::existing;
  std::string nickname{};  // with Account::create; empty: the name
};

struct SessionOptions {
  std::vector<Endpoint> gateways{};  // equals: the first is drawn, then in turn. At least one.
  Duration connect_within = 5s;    // TCP and handshake
  Duration login_within = 12s;     // each step of it
  Duration ping_every = 30s;       // the server may want less; dead after three times this
  Duration backoff_base = 250ms;   // after each round through the list
  Duration backoff_cap = 15s;
  Duration hint_max = 300s;        // a longer wish of the server is cut to this
};

class Session {
 public:
  Session(SessionOptions options, Credentials credentials, std::uint64_t seed);

  // What earlier runs remember. Requires: stopped.
  void set_identity(Identity identity) { identity_ = std::move(identity); }
  // Changed by every login: to be saved as soon as is_ready() turns true, since the server forgets the former
  // device token after a minute.
  const Identity& identity() const { return identity_; }
  // What the last login has said.
  const wire_format::Login& login() const { return login_; }

  void start(Instant now, std::vector<Action>& out);
  void stop(const Error& why, std::vector<Action>& out);
  // The channel is open.
  void on_open(Instant now, std::vector<Action>& out);
  // The connection ended or never came to be; nothing is left to hang up.
  void on_closed(const Error& why, Instant now, std::vector<Action>& out);
  enum class Took : std::uint8_t { yes, no };
  // no: the frame is for those above. Only when ready.
  Took on_frame(const Frame& frame, Instant now, std::vector<Action>& out);
  void tick(Instant now, std::vector<Action>& out);
  std::optional<Instant> next_deadline() const;

  // Those above have sent a frame: that is as good as a ping.
  void on_sent(Instant now) { last_sent_ = now; }
  // Those above think that the connection is dead (or of no use): hangs up, and comes back.
  void give_up_connection(const Error& why, Instant now, std::vector<Action>& out);
  Instant last_heard() const { return last_heard_; }
  // The tokens are of no more use.
  void forget_tokens();

  bool is_ready() const { return std::holds_alternative<Ready>(state_); }
  StateChanged describe(Instant now) const;

 private:
  enum class Step : std::uint8_t { register_account, access_token, device_token, password };
  struct Stopped {};
  struct Waiting {
    Instant until;
  };
  struct Connecting {
    Instant deadline;
  };
  struct Authenticating {
    Step step;
    Instant deadline;
  };
  struct Ready {
    Instant since;
    Duration ping_every;
  };
  using State = std::variant<Stopped, Waiting, Connecting, Authenticating, Ready>;

  void dial(Instant now, std::vector<Action>& out);
  void wait(const Error& why, Instant now);
  Duration pause(Duration hint);
  std::optional<Step> best_step(Instant now) const;
  void take_step(Step step, Instant now, std::vector<Action>& out);
  Transmit request_of(Step step) const;
  void on_answer(Step step, const Frame& frame, Instant now, std::vector<Action>& out);
  void on_login(const Frame& frame, Instant now, std::vector<Action>& out);
  void on_refusal(Step step, const Error& error, Instant now, std::vector<Action>& out);
  void on_close_frame(const Frame& frame, Instant now, std::vector<Action>& out);

  SessionOptions options_;
  Credentials credentials_;
  Random random_;
  Identity identity_;
  wire_format::Login login_;
  Instant access_token_until_{};
  enum class Registration : std::uint8_t { wanted, done, name_was_taken };
  Registration registration_;

  State state_ = Stopped{};
  Error why_{Errc::disconnected, "not started"};
  std::size_t gateway_ = 0;
  unsigned failures_ = 0;  // in a row
  std::uint32_t login_number_ = 0;
  Instant last_heard_{};
  Instant last_sent_{};
};

}  // namespace parley::client
