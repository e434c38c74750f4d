// One device of somebody who chats while he is watched: a real SDK client, and a history of
// everything that it was told, asked for and got. One thread, its loop's.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cli/verify/history.h"
#include "client/client.h"
#include "client/memory_log.h"

namespace parley::verify {

// The system that is verified, as its clients know it.
struct Server {
  std::vector<client::Endpoint> gateways;
  PinnedKey pin;
};

class Device final : private client::Observer {
 public:
  struct Who {
    std::string name;     // the account
    std::string process;  // "alice/1": what the device is called in the history
    std::string password;
    client::Account account = client::Account::create;
    client::DeviceClass device_class = client::DeviceClass::pc;
  };
  // All references must outlive the device.
  Device(client::Network& network, const Server& server, Who who, History& history);
  ~Device() override;

  // Logs in as a new process would: with what the device remembers.
  Status start();
  void stop();
  bool is_in_step() const { return synced_; }
  bool is_connected() const { return is_ready_; }
  bool has_given_up() const { return given_up_; }
  UserId user() const { return client_->user(); }
  const std::string& process() const { return who_.process; }

  struct Pace {
    std::size_t outbox = 1;  // messages that are not acknowledged
    Duration pause{};        // from an acknowledgement to the next message
  };
  // Writes to `peer`, and the next message whenever one is acknowledged, until quiet().
  void write_to(UserId peer, Pace pace);
  void quiet() { peer_ = UserId{}; }
  std::size_t unanswered() const { return open_.size() + open_pages_.size(); }
  // Since when its oldest message waits for an acknowledgement.
  std::optional<Instant> waiting_since() const;
  // Sends its first acknowledged message again, and then another one under the same id.
  void repeat_first();
  // Asks for the log from `from` on until it has all of it.
  void ask_pages(ConversationId conversation, Seq from);
  // Ends the session for good; then tries what is left of it: the token that it had.
  void log_out();
  bool has_tried_old_token() const { return tried_old_token_; }

  Seq last() const { return last_; }                             // the newest entry that it has
  std::optional<Seq> first_head() const { return first_head_; }  // of the first page it ever got
  client::Cursors peer_cursors(ConversationId id) const { return client_->peer_cursors(id); }
  // What a person would have noticed.
  const std::vector<std::string>& visible_errors() const { return visible_errors_; }
  // How often it went to another gateway because its own said that it goes away.
  std::size_t moves() const { return moves_; }

 private:
  // What a device that has been logged out tries with the token that it had.
  struct Revenant;

  void fill_outbox();
  void send_next();
  enum class Expects : bool { ack, conflict };
  void send(client::Outgoing message, Expects expects);
  void on_notice(const Frame& frame) override;
  void on_state(const client::StateChanged& state) override;
  void on_message(const client::Entry& entry) override;
  void on_receipt(const client::ReceiptMoved& moved) override;
  void on_send_result(const client::SendDone& done) override;
  void on_synced() override { synced_ = true; }
  void on_log_failed(const Error& error) override;
  void on_page(std::uint64_t op, ConversationId conversation, Seq from,
               const Result<client::Page>& page);
  void try_old_token(const client::Identity& identity);

  client::Network& network_;
  const Server& server_;
  const Who who_;
  History& history_;
  client::MemoryLog log_{0};
  std::unique_ptr<client::Client> client_;
  std::unique_ptr<Revenant> revenant_;
  UserId peer_;  // none: does not write
  Pace pace_;
  Timer pause_;
  bool synced_ = false;
  bool is_ready_ = false;
  bool given_up_ = false;
  bool had_token_ = false;
  bool tried_old_token_ = false;
  std::size_t moves_ = 0;
  Seq last_;
  std::optional<Seq> first_head_;
  std::uint64_t written_ = 0;
  struct Open {
    std::uint64_t op = 0;
    client::Outgoing message{};
    Expects expects = Expects::ack;
    Instant sent_at{};
  };
  std::map<ClientMessageId, Open> open_;
  std::set<std::uint64_t> open_pages_;
  std::optional<client::Outgoing> first_;
  bool conflict_is_next_ = false;
  bool is_leaving_ = false;
  std::vector<std::string> visible_errors_;
};

}  // namespace parley::verify
