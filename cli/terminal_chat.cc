#include "cli/terminal_chat.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <utility>

#include "base/process.h"

namespace parley {
namespace {

constexpr std::size_t own_lines_max = 200;
constexpr std::size_t unnamed_max = 1'000;
constexpr std::uint32_t history_max = 200;
constexpr std::size_t indent = 9;  // "14:05 ✓✓ "
// Nobody waits in front of a script.
constexpr Duration login_within = 30s;
constexpr Duration acks_within = 15s;  // each after the one before it

std::string_view first_word(std::string_view& rest) {
  const std::size_t end = std::min(rest.find(' '), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(end);
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return word;
}

}  // namespace

Chat::Chat(AccountInUse& account, const ChatOptions& options, client::Credentials credentials)
    : options_(options),
      network_(loop_),
      terminal_(make_terminal(loop_)),
      deadline_(loop_, [this] { fail_with(exit_retry, "not done in time"); }),
      signal_(loop_, [this] { on_signal(); }),
      client_(network_, account.server, account.client, std::move(credentials), *account.log,
              *this) {}

Chat::~Chat() = default;

Chat::Outcome Chat::run() {
  if (const Status started = client_.start(); !started) {
    outcome_ = {.exit_code = exit_code_of(started.error()), .stopped = started.error()};
    return outcome_;
  }
  if (!terminal_->is_interactive()) deadline_.once(login_within);
  loop_.run();
  if (client_.unacknowledged() > 0 && !outcome_.stopped)
    notice(std::to_string(client_.unacknowledged()) +
           " not sent yet: kept here, and sent when you come back.");
  if (lines_.messages() > 0) notice("lines not sent: " + std::to_string(lines_.messages()));
  return outcome_;
}

// -- from the SDK

void Chat::on_state(const client::StateChanged& state) {
  switch (state.phase) {
    case client::Phase::ready:
      if (was_ready_) notice("connected again");
      was_ready_ = true;
      last_reason_.clear();
      break;
    case client::Phase::waiting: {
      const std::string reason = reason_of(state.why);
      if (reason != last_reason_)
        notice((was_ready_ ? "connection lost, reconnecting: " : "not connected, trying again: ") +
               reason);
      last_reason_ = reason;
      break;
    }
    case client::Phase::stopped:
      if (is_quitting_) break;
      is_quitting_ = true;
      outcome_ = {.exit_code = exit_code_of(state.why), .stopped = state.why};
      loop_.stop();
      break;
    default:
      break;
  }
  update_prompt();
}

void Chat::on_synced() {
  if (!is_begun_) begin();
}

void Chat::on_message(const client::Entry& entry) {
  const bool is_here = peer_ && entry.conversation == peer_->conversation;
  if (!is_here) return show_elsewhere(entry);
  if (is_loading_) held_.push_back(entry);
  else show(entry);
}

void Chat::on_receipt(const client::ReceiptMoved& moved) {
  if (!peer_ || moved.conversation != peer_->conversation || moved.user != peer_->user) return;
  for (OwnLine& own : own_lines_) refresh(own);
}

void Chat::on_send_result(const client::SendDone& done) {
  const auto own = std::ranges::find(own_lines_, done.id, &OwnLine::id);
  if (own == own_lines_.end()) return;
  if (done.result) own->seq = done.result->seq;
  else own->tick = Tick::failed;
  const Tick before = std::exchange(own->tick, tick_of(*own));
  if (!terminal_->is_interactive()) own->line = terminal_->print_marked(mark_of(*own), own->text);
  else if (own->tick != before || !done.result) terminal_->change_mark(own->line, mark_of(*own));
  if (!done.result) refuse("not sent: " + reason_of(done.result.error()));
  if (is_ending_) deadline_.once(acks_within);
  quit_if_done();
}

void Chat::on_log_failed(const Error& error) {
  notice("this device's log cannot be written: " + printable(error.detail));
}

// -- the beginning, and whom to talk to

void Chat::begin() {
  is_begun_ = true;
  deadline_.stop();
  terminal_->start({.on_line = [this](const std::string& line) { on_line(line); },
                    .on_end = [this] { on_end(); }});
  notice("You are " + printable(client_.name()) + ". /help shows what can be typed.");
  if (!options_.peer.empty()) open_conversation(options_.peer);
  else notice("Whom do you want to talk to? /to NAME");
  update_prompt();
}

void Chat::open_conversation(const std::string& name) {
  is_asking_peer_ = true;
  const Status asked = client_.find(std::span(&name, 1), {}, [this, name](auto found) {
    is_asking_peer_ = false;
    on_peer_found(name, found);
    carry_on();
  });
  if (asked) return;
  is_asking_peer_ = false;
  talk_to_nobody(exit_retry, printable(name) + " not found out: " + reason_of(asked.error()));
}

void Chat::on_peer_found(const std::string& name,
                         const Result<std::vector<client::Profile>>& found) {
  if (!found)
    return talk_to_nobody(exit_retry,
                          printable(name) + " not found out: " + reason_of(found.error()));
  if (found->empty()) return talk_to_nobody(exit_runtime, "nobody is called " + printable(name));
  const client::Profile& profile = found->front();
  if (profile.user == client_.user()) return talk_to_nobody(exit_runtime, "that is you yourself");
  talk_to(profile);
}

void Chat::talk_to(const client::Profile& profile) {
  const std::string shown_name = printable(profile.name);
  names_[profile.user] = shown_name;
  peer_ = Peer{profile.user, shown_name, client_.conversation_with(profile.user)};
  is_loading_ = false;
  held_.clear();
  shown_ = {};
  update_prompt();
  load_history(options_.history);
}

// Not to whom the chat was with before either: what is typed now is meant for the one who was not found.
void Chat::talk_to_nobody(int code, const std::string& why) {
  peer_.reset();
  update_prompt();
  const std::size_t dropped = lines_.drop_messages();
  if (dropped > 0) refuse("lines not sent: " + std::to_string(dropped));
  fail_with(code, why);
}

void Chat::load_history(std::uint32_t count) {
  if (count == 0) return;
  const ConversationId conversation = peer_->conversation;
  shown_ = {};
  is_loading_ = true;
  const auto then = [this, conversation](auto page) { on_history(conversation, std::move(page)); };
  const Status asked = client_.history(conversation, Seq{}, std::min(count, history_max), then);
  if (asked) return;
  is_loading_ = false;
  notice("no history: not connected");
}

void Chat::on_history(ConversationId conversation, Result<client::Page> page) {
  if (!peer_ || peer_->conversation != conversation) return;
  is_loading_ = false;
  if (!page) notice("no history: " + reason_of(page.error()));
  // What is acknowledged gets new lines; what is not is below them.
  std::erase_if(own_lines_, [](const OwnLine& own) { return own.seq != Seq{}; });
  if (page && page->more)
    notice("the last " + std::to_string(page->entries.size()) + " of " +
           std::to_string(page->head.value));
  if (page)
    for (const client::Entry& entry : page->entries) show(entry);
  for (const client::Entry& entry : std::exchange(held_, {})) show(entry);
  carry_on();
}

// -- from the keyboard

void Chat::on_line(const std::string& line) {
  if (line.empty() || is_quitting_ || is_ending_) return;
  // Does not wait its turn: a person leaves at once, a script when the lines before this one are sent.
  std::string_view rest = line;
  const std::string_view word = first_word(rest);
  if (word == "/quit" || word == "/q") return on_end();
  if (const Status added = lines_.add(line); !added)
    return fail_with(exit_retry, reason_of(added.error()));
  carry_on();
}

void Chat::carry_on() {
  lines_.carry_out([this] { return is_busy(); },
                   [this](const std::string& line) { carry_out(line); });
  quit_if_done();
}

void Chat::carry_out(const std::string& line) {
  if (is_command(line)) return on_command(line);
  submit(line.starts_with("//") ? line.substr(1) : line);
}

void Chat::on_command(std::string_view line) {
  const std::string_view command = first_word(line);
  if (command == "/help" || command == "/h") return show_help();
  if (command == "/who") return show_who();
  if (command == "/to" && !line.empty()) return open_conversation(std::string(line));
  if (command == "/history" && peer_) {
    std::uint32_t count = options_.history == 0 ? 20 : options_.history;
    if (!line.empty()) {
      const auto [end, error] = std::from_chars(line.begin(), line.end(), count);
      if (error != std::errc{} || end != line.end() || count == 0 || count > history_max)
        return refuse("/history: 1 … " + std::to_string(history_max));
    }
    return load_history(count);
  }
  refuse("unknown: " + printable(command) + ". /help shows what there is.");
}

void Chat::submit(const std::string& text) {
  if (!peer_) return fail_with(exit_usage, "to whom? /to NAME");
  const ClientMessageId id = client::new_message_id();
  const Status sent = client_.send({.id = id, .conversation = peer_->conversation, .body = text});
  if (!sent) return refuse("not sent: " + reason_of(sent.error()));
  const std::int64_t now = wall_clock_ms();
  print_own({.id = id,
             .conversation = peer_->conversation,
             .clock = clock_text(now, now),
             .seq = {},
             .text = {}},
            text);
}

void Chat::on_end() {
  if (is_quitting_ || is_ending_) return;
  if (terminal_->is_interactive()) return quit(exit_ok);
  is_ending_ = true;
  deadline_.once(acks_within);
  quit_if_done();
}

void Chat::show_help() {
  notice("/to NAME      talk to somebody else");
  notice("/history [n]  the last n messages");
  notice("/who          who you are, and how far the other side has read");
  notice("/quit         leave (also Ctrl-D, Ctrl-C); //text sends \"/text\"");
  const Style& style = terminal_->style();
  notice("ticks: " + tick_text(Tick::queued, style) + "on its way, " +
         tick_text(Tick::sent, style) + "stored by the server, " +
         tick_text(Tick::delivered, style) + " received, " + tick_text(Tick::read, style) +
         " read, " + tick_text(Tick::failed, style) + "not sent");
}

void Chat::show_who() {
  notice("You are " + printable(client_.name()) + " (user " +
         std::to_string(client_.user().value) + "), " +
         (client_.is_ready() ? "connected." : "not connected."));
  if (!peer_) return;
  const client::Cursors cursors = client_.peer_cursors(peer_->conversation);
  notice(peer_->name + " (user " + std::to_string(peer_->user.value) + ") has received up to " +
         std::to_string(cursors.received.value) + " and read up to " +
         std::to_string(cursors.read.value) + ".");
}

// -- to the screen

void Chat::show(const client::Entry& entry) {
  if (entry.seq <= shown_) return;
  shown_ = entry.seq;
  if (entry.sender == client_.user()) return show_own(entry);
  const std::string mark = clock_text(entry.time_ms, wall_clock_ms()) + "    ";
  terminal_->print(mark + bold(peer_->name, terminal_->style()) + ": " +
                   printable(entry.body, indent));
  // It is on the screen of whoever has opened this conversation.
  const Status marked = client_.mark_read(entry.conversation, entry.seq);
  if (!marked && marked.error().code != Errc::not_found)
    notice("not marked as read: " + reason_of(marked.error()));
}

// Typed here: its line is there already. Otherwise from the history, or from another device.
void Chat::show_own(const client::Entry& entry) {
  if (std::ranges::find(own_lines_, entry.client_id, &OwnLine::id) != own_lines_.end()) return;
  print_own({.id = entry.client_id,
             .conversation = entry.conversation,
             .clock = clock_text(entry.time_ms, wall_clock_ms()),
             .seq = entry.seq,
             .text = {}},
            entry.body);
}

void Chat::show_elsewhere(const client::Entry& entry) {
  if (entry.sender == client_.user()) return;
  const auto known = names_.find(entry.sender);
  if (known != names_.end()) {
    if (!is_begun_) return;
    terminal_->print(clock_text(entry.time_ms, wall_clock_ms()) + "    " +
                     dim(known->second + " (/to " + known->second + "): ", terminal_->style()) +
                     printable(entry.body, indent));
    return;
  }
  if (unnamed_.size() >= unnamed_max) unnamed_.pop_front();
  unnamed_.push_back(entry);
  const UserId user = entry.sender;
  const auto is_same = [&](const client::Entry& e) { return e.sender == user; };
  if (std::ranges::count_if(unnamed_, is_same) > 1) return;  // asked already
  const auto then = [this, user, is_same](Result<std::vector<client::Profile>> found) {
    const bool is_known = found && !found->empty();
    names_[user] = is_known ? printable(found->front().name) : "user " + std::to_string(user.value);
    std::deque<client::Entry> waiting = std::exchange(unnamed_, {});
    for (client::Entry& one : waiting) {
      if (one.sender != user) unnamed_.push_back(std::move(one));
      else on_message(one);
    }
  };
  if (!client_.find({}, std::span(&user, 1), then))
    std::erase_if(unnamed_, is_same);  // not connected; the server has them
}

void Chat::print_own(OwnLine own, const std::string& text) {
  own.tick = tick_of(own);
  const std::string shown = bold("you", terminal_->style()) + ": " + printable(text, indent);
  if (terminal_->is_interactive() || own.seq)
    own.line = terminal_->print_marked(mark_of(own), shown);
  else
    own.text = shown;
  own_lines_.push_back(std::move(own));
  if (own_lines_.size() <= own_lines_max) return;
  // Of every line its writer is told what became of it.
  const auto settled = std::ranges::find_if(
      own_lines_, [](const OwnLine& line) { return line.tick != Tick::queued; });
  if (settled != own_lines_.end()) own_lines_.erase(settled);
}

Tick Chat::tick_of(const OwnLine& own) const {
  if (own.tick == Tick::failed) return Tick::failed;
  if (!own.seq) return Tick::queued;
  const client::Cursors cursors = client_.peer_cursors(own.conversation);
  if (own.seq <= cursors.read) return Tick::read;
  return own.seq <= cursors.received ? Tick::delivered : Tick::sent;
}

void Chat::refresh(OwnLine& own) {
  const Tick tick = tick_of(own);
  if (tick == own.tick) return;
  own.tick = tick;
  terminal_->change_mark(own.line, mark_of(own));
}

std::string Chat::mark_of(const OwnLine& own) const {
  return own.clock + " " + tick_text(own.tick, terminal_->style()) + " ";
}

void Chat::notice(const std::string& text) {
  if (terminal_->is_interactive()) return terminal_->print(dim("-- " + text, terminal_->style()));
  // Standard output belongs to the messages.
  std::fprintf(stderr, "parley chat: %s\n", text.c_str());
}

void Chat::update_prompt() {
  std::string prompt = peer_ ? peer_->name : "parley";
  if (!client_.is_ready()) prompt += " (offline)";
  terminal_->set_prompt(prompt + "> ");
}

// -- the end

// A line is not carried out. A person reads why; of a script the exit code tells it.
void Chat::refuse(const std::string& what) {
  has_refused_ = true;
  notice(what);
}

void Chat::fail_with(int code, const std::string& what) {
  notice(what);
  if (!terminal_->is_interactive()) quit(code);
}

void Chat::quit(int code) {
  is_quitting_ = true;
  outcome_.exit_code = code;
  client_.close();
  loop_.stop();
}

void Chat::quit_if_done() {
  if (!is_ending_ || is_busy() || client_.unacknowledged() > 0) return;
  quit(has_refused_ ? exit_runtime : exit_ok);
}

void Chat::on_signal() {
  if (terminal_->is_interactive()) return quit(exit_ok);
  if (client_.unacknowledged() > 0 || lines_.messages() > 0) return quit(exit_retry);
  quit(has_refused_ ? exit_runtime : exit_ok);
}

}  // namespace parley
