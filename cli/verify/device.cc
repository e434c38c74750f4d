#include "cli/verify/device.h"

#include <algorithm>
#include <utility>

#include "client/wire.h"
#include "proto/verbs.h"

namespace parley::verify {
namespace {

// How often a device does what it need not do all the time, in entries.
constexpr std::uint64_t entries_per_page = 32;
constexpr std::uint64_t page_reaches_back = 20;
constexpr std::uint64_t entries_per_reading = 8;
constexpr Seq the_end{1ull << 62};

// Unique in the process: the recorder's own number of each request.
std::uint64_t next_op() {
  static std::uint64_t op = 0;
  return ++op;
}

MessageKey key_of(const client::Entry& entry) {
  return {.conversation = entry.conversation, .sender = entry.sender, .client_id = entry.client_id};
}

client::ClientOptions options_for(const Server& server) {
  client::ClientOptions options;
  options.session.gateways = server.gateways;
  return options;
}

PullOk page_of(std::uint64_t op, const client::Page& page) {
  PullOk ok{.op = op, .head = page.head, .more = page.more, .entries = {}};
  for (const client::Entry& entry : page.entries)
    ok.entries.push_back({.seq = entry.seq,
                          .sender = entry.sender,
                          .client_id = entry.client_id,
                          .body = body_hash(entry.body)});
  return ok;
}

}  // namespace

struct Device::Revenant final : client::Observer {
  Revenant(Device& device, const client::Identity& identity)
      : self(device), log(memory_of(identity)) {}
  static client::MemoryLog memory_of(const client::Identity& identity) {
    client::MemoryLog memory(0);
    static_cast<void>(memory.save_identity(identity));  // it has no medium that could fail
    return memory;
  }
  Status start() {
    client = std::make_unique<client::Client>(
        self.network_, self.server_.pin, options_for(self.server_),
        client::Credentials{.name = self.who_.name, .device_class = self.who_.device_class}, log,
        *this);
    return client->start();
  }
  void on_state(const client::StateChanged& state) override {
    if (state.phase == client::Phase::ready)
      self.history_.add(monotonic_now(), self.who_.process,
                        SessionBegan{.user = client->user(), .how = "token"});
    if (state.phase == client::Phase::ready || state.phase == client::Phase::stopped)
      self.tried_old_token_ = true;
  }

  Device& self;
  client::MemoryLog log;
  std::unique_ptr<client::Client> client;
};

Device::Device(client::Network& network, const Server& server, Who who, History& history)
    : network_(network),
      server_(server),
      who_(std::move(who)),
      history_(history),
      pause_(network.loop(), [this] { fill_outbox(); }) {}

Device::~Device() = default;

Status Device::start() {
  synced_ = is_ready_ = given_up_ = false;
  PARLEY_TRY(const auto identity, log_.identity());
  had_token_ = identity && !identity->device_token.empty();
  client::Observer& told = *this;
  client_ = std::make_unique<client::Client>(network_, server_.pin, options_for(server_),
                                             client::Credentials{.name = who_.name,
                                                                 .password = who_.password,
                                                                 .device_class = who_.device_class,
                                                                 .account = who_.account,
                                                                 .nickname = who_.name},
                                             log_, told);
  return client_->start();
}

void Device::stop() {
  const Instant now = monotonic_now();
  if (revenant_ && revenant_->client) revenant_->client->close();
  revenant_.reset();
  for (const std::uint64_t op : std::exchange(open_pages_, {}))
    history_.add(now, who_.process, PullFailed{.op = op, .error = "stopped"});
  if (is_ready_) history_.add(now, who_.process, ConnectionClosed{});
  is_ready_ = false;
  if (client_) client_->close();
  client_.reset();
}

void Device::write_to(UserId peer, Pace pace) {
  peer_ = peer;
  pace_ = pace;
  fill_outbox();
}

void Device::fill_outbox() {
  while (peer_ && open_.size() < pace_.outbox) send_next();
}

void Device::send_next() {
  send({.id = client::new_message_id(),
        .conversation = direct_conversation(user(), peer_),
        .kind = client::MessageKind::text,
        .body = who_.process + " says " + std::to_string(++written_)},
       Expects::ack);
}

void Device::send(client::Outgoing message, Expects expects) {
  const Instant now = monotonic_now();
  const Open& open = open_[message.id] = {next_op(), message, expects, now};
  history_.add(
      now, who_.process,
      SendInvoked{
          .op = open.op,
          .key = {.conversation = message.conversation, .sender = user(), .client_id = message.id},
          .body = body_hash(message.body)});
  const Status accepted = client_->send(std::move(message));
  if (!accepted) visible_errors_.push_back("send refused: " + accepted.error().detail);
}

std::optional<Instant> Device::waiting_since() const {
  std::optional<Instant> oldest;
  for (const auto& [id, open] : open_)
    if (!oldest || open.sent_at < *oldest) oldest = open.sent_at;
  return oldest;
}

void Device::repeat_first() {
  if (!first_ || open_.contains(first_->id)) return;
  conflict_is_next_ = true;
  send(*first_, Expects::ack);
}

void Device::on_send_result(const client::SendDone& done) {
  const auto found = open_.find(done.id);
  if (found == open_.end()) {
    visible_errors_.push_back("a result for nothing that was sent");
    return;
  }
  const Open open = std::move(found->second);
  open_.erase(found);
  const Instant now = monotonic_now();
  if (done.result) {
    history_.add(now, who_.process,
                 SendOk{.op = open.op, .seq = done.result->seq, .time_ms = done.result->time_ms});
    last_ = std::max(last_, done.result->seq);
    if (!first_) first_ = open.message;
  } else {
    const Error& error = done.result.error();
    const bool expected = open.expects == Expects::conflict && error.code == Errc::conflict;
    if (!expected)
      visible_errors_.push_back(std::string(name_of(error.code)) +
                                " for a message: " + error.detail);
    if (is_retryable(error.code))
      history_.add(now, who_.process, SendUnknown{.op = open.op});
    else
      history_.add(now, who_.process,
                   SendFailed{.op = open.op, .error = std::string(name_of(error.code))});
  }
  if (peer_) return pace_.pause > Duration{} ? pause_.once(pace_.pause) : send_next();
  if (!std::exchange(conflict_is_next_, false) || !first_) return;
  client::Outgoing other = *first_;
  other.body += ", or rather something else";
  send(std::move(other), Expects::conflict);
}

void Device::on_notice(const Frame& frame) {
  if (frame.header.verb != static_cast<std::uint16_t>(Notice::c2c_message)) return;
  const ConversationId conversation{frame.header.target};
  const auto entry = client::wire_format::decode_message(conversation, frame.body);
  if (!entry) return visible_errors_.push_back("a push that is none: " + entry.error().detail);
  history_.add(monotonic_now(), who_.process,
               Pushed{.reader = user(),
                      .key = key_of(*entry),
                      .seq = entry->seq,
                      .body = body_hash(entry->body)});
}

void Device::on_message(const client::Entry& entry) {
  last_ = std::max(last_, entry.seq);
  history_.add(
      monotonic_now(), who_.process,
      Delivered{
          .reader = user(), .key = key_of(entry), .seq = entry.seq, .body = body_hash(entry.body)});
  const ConversationId conversation = entry.conversation;
  if (entry.seq.value % entries_per_reading == 0 && client_->mark_read(conversation, entry.seq))
    history_.add(monotonic_now(), who_.process,
                 ReceiptInvoked{.user = user(),
                                .conversation = conversation,
                                .received = entry.seq,
                                .read = entry.seq});
  if (entry.seq.value % entries_per_page == 0 && open_pages_.empty())
    ask_pages(conversation,
              Seq{entry.seq.value - std::min(entry.seq.value - 1, page_reaches_back)});
}

// Of our own cursors the SDK tells what this device wants them to be, which the server may not know
// yet.
void Device::on_receipt(const client::ReceiptMoved& moved) {
  if (moved.user == user()) return;
  history_.add(monotonic_now(), who_.process,
               ReceiptSeen{.user = moved.user,
                           .conversation = moved.conversation,
                           .received = moved.cursors.received,
                           .read = moved.cursors.read});
}

void Device::ask_pages(ConversationId conversation, Seq from) {
  const std::uint64_t op = next_op();
  const Instant now = monotonic_now();
  const Status asked = client_->pull(conversation, from, the_end,
                                     [this, op, conversation, from](Result<client::Page> page) {
                                       on_page(op, conversation, from, page);
                                     });
  if (!asked) return;  // not connected just now
  open_pages_.insert(op);
  history_.add(
      now, who_.process,
      PullInvoked{
          .op = op, .reader = user(), .conversation = conversation, .from = from, .to = the_end});
}

void Device::on_page(std::uint64_t op, ConversationId conversation, Seq from,
                     const Result<client::Page>& page) {
  if (open_pages_.erase(op) == 0) return;
  const Instant now = monotonic_now();
  if (!page) {
    history_.add(now, who_.process,
                 PullFailed{.op = op, .error = std::string(name_of(page.error().code))});
    return;
  }
  history_.add(now, who_.process, page_of(op, *page));
  if (!first_head_) first_head_ = page->head;
  if (page->more)
    ask_pages(conversation, page->entries.empty() ? from : Seq{page->entries.back().seq.value + 1});
}

// A gateway that says goodbye first is no loss.
void Device::on_state(const client::StateChanged& state) {
  const Instant now = monotonic_now();
  const bool was_ready = std::exchange(is_ready_, state.phase == client::Phase::ready);
  if (!was_ready && is_ready_) {
    history_.add(now, who_.process,
                 SessionBegan{.user = user(), .how = had_token_ ? "token" : "password"});
    history_.add(now, who_.process, StreamBegan{});
    had_token_ = true;
  }
  if (state.phase == client::Phase::stopped) given_up_ = true;
  if (is_ready_ || !was_ready || !client_) return;
  history_.add(now, who_.process, ConnectionClosed{});
  if (is_leaving_) return;
  if (state.why.code == Errc::going_away)
    ++moves_;
  else
    visible_errors_.push_back("connection lost: " + std::string(name_of(state.why.code)) + " " +
                              state.why.detail);
}

void Device::log_out() {
  const auto identity = log_.identity();
  if (!identity || !*identity) return;
  is_leaving_ = true;
  const Status asked = client_->logout([this, before = **identity](Status done) {
    // Without an answer nobody knows whether the token is still good.
    tried_old_token_ = !done;
    if (!done) return;
    history_.add(monotonic_now(), who_.process, SessionEnded{.why = "logout"});
    try_old_token(before);
  });
  tried_old_token_ = !asked;
}

void Device::try_old_token(const client::Identity& identity) {
  revenant_ = std::make_unique<Revenant>(*this, identity);
  if (!revenant_->start()) tried_old_token_ = true;
}

void Device::on_log_failed(const Error& error) { visible_errors_.push_back(error.detail); }

}  // namespace parley::verify
