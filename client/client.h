// A user's device as a program sees it: connect, log in, send, receive; come back after every failure. This is
// the SDK's front door; README.md has an example.
//
//   Loop loop;  Network network(loop);  MemoryLog log;
//   Client client(network, server_key, options, {.name = "alice", .password = …}, log, observer);
//   client.start();  loop.run();
//
// Any number of clients share a loop, in its thread; a client has no thread and, connected and idle, no work but
// its ping. Everything that happens is told to the observer, in the loop's thread, never from within a call
// of the client's, except start() and close().
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/client_core.h"
#include "client/connection.h"

namespace parley::client {

// What a program wants to know; all of it optional. The observer may call the client's methods, but not destroy it.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_state(const StateChanged&) {}
  // A conversation's next entry, own ones included: each number once, none left out.
  virtual void on_message(const Entry&) {}
  virtual void on_receipt(const ReceiptMoved&) {}
  // Exactly one per accepted send().
  virtual void on_send_result(const SendDone&) {}
  // After each login: everything older than it is asked for. Messages follow as they come.
  virtual void on_synced() {}
  virtual void on_log_failed(const Error&) {}
  // What the server says unasked, as it comes, before anything is made of it: for those who watch the server.
  virtual void on_notice(const Frame&) {}
};

class Client : private Connection::Handler {
 public:
  template <typename T>
  using Callback = std::function<void(Result<T>)>;

  // All references must outlive the client. init_crypto() must have been called.
  Client(Network& network, const PinnedKey& server, const ClientOptions& options,
         Credentials credentials, LocalLog& log, Observer& observer);
  ~Client() override;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Reads the local log, then connects, and keeps connected until close(), logout() or the server's
  // word (`replaced`, `revoked`, `refused`: see StateChanged). io: the log cannot be read. Called once.
  Status start();
  // Says goodbye. What is in the outbox stays in the local log for the next start.
  void close();

  // Sends, connected or not; the result comes by on_send_result. Errors: see ClientCore::send.
  Result<ClientMessageId> send(ConversationId conversation, std::string text);
  Status send(Outgoing message);
  Status abandon(const ClientMessageId& id);
  // The conversation with a user. Requires: a login has succeeded once, and peer is not user().
  ConversationId conversation_with(UserId peer) const;
  Status mark_read(ConversationId conversation, Seq seq);

  // Asked once; the callback runs exactly once if ok is returned and the client lives on. disconnected: not ready.
  Status find(std::span<const std::string> names, std::span<const UserId> users,
              Callback<std::vector<Profile>> callback);
  // The `limit` entries before `before` (0: from the newest), ascending. Not added to the local log.
  Status history(ConversationId conversation, Seq before, std::uint32_t limit,
                 Callback<Page> callback);
  Status pull(ConversationId conversation, Seq from, Seq to, Callback<Page> callback);
  // Asks a service of the company's own, "app.payroll" (bus/README.md); both bodies are between you and it.
  // no_service, at once: nobody offers it. A request may reach it more than once, also one that failed with a
  // retryable error or disconnected; it is not repeated here, so put into the body what it can tell a
  // repetition by. bad_request, at once: no such name. too_large, at once: more than the verb may carry.
  Status ask_app(std::string_view name, std::string body, Callback<std::string> callback);
  Status logout(std::function<void(Status)> callback);
  // Any verb, with a body of its own making.
  Status call(Verb verb, std::uint64_t target, std::string body, Callback<std::string> callback);

  StateChanged state() const { return core_.state(network_.loop().now()); }
  bool is_ready() const { return state().phase == Phase::ready; }
  UserId user() const { return core_.user(); }
  const std::string& name() const { return core_.login().name; }
  Cursors peer_cursors(ConversationId id) const { return core_.conversations().peer_cursors(id); }
  // Messages that are neither acknowledged nor given up.
  std::size_t unacknowledged() const { return core_.unacknowledged(); }

 private:
  void on_open() override;
  void on_frame(const Frame& frame) override;
  void on_closed(const Error& why) override;
  void settle();
  void settle_soon();
  void perform(Action& action);
  void arm();
  Instant now() const { return network_.loop().now(); }

  Network& network_;
  const PinnedKey server_;
  Observer& observer_;
  ClientCore core_;
  Connection connection_;
  Timer timer_;
  std::optional<Instant> armed_;  // when the timer fires; never later than it should
  bool is_settling_ = false;
};

}  // namespace parley::client
