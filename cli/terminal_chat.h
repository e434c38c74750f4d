// One person's chat: what the SDK tells becomes lines, what is typed becomes messages and commands.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/chat.h"
#include "cli/terminal.h"
#include "cli/typed_lines.h"
#include "client/client.h"

namespace parley {

class Chat : private client::Observer {
 public:
  // `account` must outlive the chat.
  Chat(AccountInUse& account, const ChatOptions& options, client::Credentials credentials);
  ~Chat() override;

  struct Outcome {
    int exit_code = 0;
    // The server ended it for good (refused, replaced …). Nothing has been printed about it yet.
    std::optional<Error> stopped;
  };
  // Until the user leaves or the server says so. Called once.
  Outcome run();

 private:
  struct Peer {
    UserId user;
    std::string name;  // printable
    ConversationId conversation;
  };
  // An own message on the screen, whose tick may change.
  struct OwnLine {
    ClientMessageId id{};
    ConversationId conversation;
    Terminal::LineId line = 0;
    std::string clock;
    Seq seq;  // 0: not acknowledged
    Tick tick = Tick::queued;
    std::string text;  // only where the line is printed when it is acknowledged
  };

  void on_state(const client::StateChanged& state) override;
  void on_message(const client::Entry& entry) override;
  void on_receipt(const client::ReceiptMoved& moved) override;
  void on_send_result(const client::SendDone& done) override;
  void on_synced() override;
  void on_log_failed(const Error& error) override;

  void begin();
  void open_conversation(const std::string& name);
  void on_peer_found(const std::string& name, const Result<std::vector<client::Profile>>& found);
  void talk_to(const client::Profile& profile);
  void talk_to_nobody(int code, const std::string& why);
  void load_history(std::uint32_t count);
  void on_history(ConversationId conversation, Result<client::Page> page);

  void on_line(const std::string& line);
  void carry_on();
  void carry_out(const std::string& line);
  void on_end();
  void on_command(std::string_view line);
  void submit(const std::string& text);
  void show_help();
  void show_who();

  void show(const client::Entry& entry);
  void show_own(const client::Entry& entry);
  void show_elsewhere(const client::Entry& entry);
  void print_own(OwnLine own, const std::string& text);
  void refresh(OwnLine& own);
  Tick tick_of(const OwnLine& own) const;
  std::string mark_of(const OwnLine& own) const;
  void notice(const std::string& text);
  void update_prompt();
  void refuse(const std::string& what);
  void fail_with(int code, const std::string& what);
  void quit(int code);
  void quit_if_done();
  void on_signal();
  bool is_busy() const { return is_asking_peer_ || is_loading_ || is_quitting_; }

  ChatOptions options_;
  Loop loop_;
  client::Network network_;
  std::unique_ptr<Terminal> terminal_;
  std::optional<Peer> peer_;
  std::map<UserId, std::string> names_;  // printable
  std::deque<client::Entry> unnamed_;    // wait for their writer's name
  bool is_begun_ = false;
  bool was_ready_ = false;
  bool is_asking_peer_ = false;
  bool is_loading_ = false;
  bool is_quitting_ = false;
  bool is_ending_ = false;             // the input has ended, its messages are still on their way
  std::vector<client::Entry> held_;    // came while the history was loaded
  TypedLines lines_;                   // wait while the peer or the history is fetched
  bool has_refused_ = false;           // a line: a script's exit code says so
  Seq shown_;                          // of the peer's conversation
  // The newest ones, of all conversations, and whatever is not settled: bounded by the outbox.
  std::deque<OwnLine> own_lines_;
  std::string last_reason_;            // why we are not connected, as last printed
  Outcome outcome_;
  Timer deadline_;
  TerminationSignal signal_;
  client::Client client_;
};

}  // namespace parley
