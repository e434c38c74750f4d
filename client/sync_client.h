// A client for tests, demos and scripts: each call turns the loop until it is done or its limit has passed. Clients
// that share a loop go on while one of them waits; outside such calls nothing moves, not even pings.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>

#include "client/client.h"
#include "client/memory_log.h"

namespace parley::client {

// Turns the loop until the condition holds (it is tried once a turn), or for `limit`. Whether it holds.
bool run_until(Loop& loop, Duration limit, const std::function<bool()>& condition);

class SyncClient : private Observer {
 public:
  // Without a log of the caller's, nothing is remembered beyond this object.
  SyncClient(Network& network, const PinnedKey& server, const ClientOptions& options,
             Credentials credentials, LocalLog* log = nullptr);

  // Connects; returns when logged in and in step with the server's list. disconnected: not within `limit`; otherwise
  // what the server said.
  Status start(Duration limit);
  Result<UserId> find_user(const std::string& name, Duration limit);
  // Returns when the message is committed. disconnected: not known by then; it is still being tried.
  Result<Ack> send(UserId peer, const std::string& text, Duration limit);
  // The next entry that somebody else wrote. disconnected: none came.
  Result<Entry> receive(Duration limit);
  Result<Page> history(UserId peer, Seq before, std::uint32_t count, Duration limit);
  // disconnected: no answer is known; the app may have had the request all the same.
  Result<std::string> ask_app(const std::string& name, const std::string& body, Duration limit);
  // Whether the peer's cursors have come so far.
  bool wait_for_receipt(UserId peer, const Cursors& at_least, Duration limit);
  bool run_until(Duration limit, const std::function<bool()>& condition);

  Client& client() { return client_; }
  const StateChanged& last_state() const { return state_; }
  // All entries in the order of arrival, own ones included.
  const std::deque<Entry>& entries() const { return entries_; }

 private:
  void on_state(const StateChanged& state) override;
  void on_message(const Entry& entry) override;
  void on_send_result(const SendDone& done) override;
  void on_synced() override { is_synced_ = true; }
  // Asks, waits, and returns the answer; an answer that comes too late finds nobody.
  template <typename T>
  Result<T> wait_for(Duration limit, const std::function<Status(Client::Callback<T>)>& ask);

  Loop& loop_;
  MemoryLog own_log_;
  StateChanged state_;
  bool is_synced_ = false;
  std::deque<Entry> entries_;
  std::size_t received_ = 0;  // entries before this were returned by receive()
  std::map<ClientMessageId, Result<Ack>> results_;
  Client client_;
};

}  // namespace parley::client
