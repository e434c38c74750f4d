// A client without its socket and clock: session, requests, outbox and conversations as one state machine. Values
// in (frames, moments, the user's wishes), actions out. The shell is client.h; tests and the simulator drive
// this very object in virtual time.
//
// After any call: carry out take_actions() in order, and call tick() at next_deadline().
#pragma once

#include <optional>
#include <vector>

#include "base/clock.h"
#include "client/action.h"
#include "client/conversations.h"
#include "client/local_log.h"
#include "client/outbox.h"
#include "client/request_table.h"
#include "client/session.h"
#include "proto/frame.h"

namespace parley::client {

struct ClientOptions {
  SessionOptions session{};
  RequestLimits requests{};
  OutboxOptions outbox{};
  ConversationOptions conversations{};
  // A longer wish of the server to be left alone is cut to this.
  Duration quiet_max = 60s;
};

class ClientCore {
 public:
  // `log` must outlive this object.
  ClientCore(const ClientOptions& options, Credentials credentials, LocalLog& log,
             std::uint64_t seed);

  // Reads the local log. Called once, first. `fresh_device`: this device's id if the log has none yet.
  Status load(DeviceId fresh_device, Instant now);

  // -- from the shell
  void start(Instant now);
  void stop(Instant now);
  void on_open(Instant now);
  void on_frame(const Frame& frame, Instant now);
  void on_closed(const Error& why, Instant now);
  void tick(Instant now);
  std::optional<Instant> next_deadline() const;
  std::vector<Action> take_actions() { return std::exchange(actions_, {}); }

  // -- from the user
  // Kept in the local log, then sent until it is acknowledged or given up (SendDone). Connected or not.
  // too_large, bad_request: it would be refused. retry_later: the outbox is full. io: it could not be kept.
  Status send(Outgoing message, Instant now);
  // Not sent again; SendDone with disconnected follows. It may exist all the same. not_found: not in the outbox.
  Status abandon(const ClientMessageId& id);
  Status mark_read(ConversationId conversation, Seq seq, Instant now);
  // Any request; its answer, or disconnected if there is none within the deadline. disconnected at
  // once: not ready.
  Status call(Verb verb, std::uint64_t target, std::string body, Answer answer, Instant now);
  // Ends this device's session for good and forgets its tokens. disconnected at once: not ready.
  Status logout(Answer answer, Instant now);

  StateChanged state(Instant now) const { return session_.describe(now); }
  UserId user() const { return session_.identity().user; }
  const wire_format::Login& login() const { return session_.login(); }
  const Conversations& conversations() const { return conversations_; }
  std::size_t unacknowledged() const { return outbox_.size(); }

 private:
  void follow(Phase before, Instant now);
  void on_ready(Instant now);
  void on_lost(Instant now);
  void pump(Instant now);
  void on_answer(const Frame& frame, Instant now);
  void on_reply(Purpose purpose, std::string_view body, Instant now);
  void obey_rate(const Purpose& purpose, const Error& error, Instant now);
  void on_failure(Purpose purpose, const Error& error, Instant now);
  void on_notice(const Frame& frame, Instant now);
  void violated(const Error& error, Instant now);
  void committed(const ClientMessageId& id, const Ack& ack, Instant now);
  void finish(const Outgoing& message, Result<Ack> result);
  void settle_own(std::size_t from);
  template <typename Event>
  void tell(Event event) {
    actions_.emplace_back(std::move(event));
  }
  bool is_ready() const { return session_.is_ready(); }
  Phase phase(Instant now) const { return session_.describe(now).phase; }

  const Duration quiet_max_;
  LocalLog& log_;
  Session session_;
  RequestTable requests_;
  Outbox outbox_;
  Conversations conversations_;
  std::optional<Instant> quiet_until_;  // no requests: the server has had too many
  std::vector<Action> actions_;
};

}  // namespace parley::client
