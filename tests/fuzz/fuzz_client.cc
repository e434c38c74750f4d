// The SDK's client core with a gateway that holds the right key and says whatever it likes, and a user who does
// the same.
// Whatever they do:
//
//  - it sends only while a connection is open, and requests under numbers that are not in use
//  - a conversation's messages are told in the order of their numbers, each once and none left out
//  - a send ends at most once, and is in the local log until then; a call ends exactly once
//  - cursors that are shown never go back, and nobody has read further than received
//  - what a frame leads to is bounded, and a moment that has passed is no deadline any more
//
// Input: steps, each a byte that says what, and what else the step needs.
#include <algorithm>
#include <map>
#include <set>

#include "client/client_core.h"
#include "client/memory_log.h"
#include "proto/c2c.pb.h"
#include "proto/common.pb.h"
#include "proto/limits.h"
#include "proto/login.pb.h"
#include "tests/fuzz/fuzz.h"

namespace parley::client {
namespace {

constexpr std::size_t steps_max = 500;
constexpr std::size_t window = 4;
constexpr UserId us{1};

ClientOptions options() {
  ClientOptions options;
  options.session.gateways = {{"a", 1}, {"b", 2}};
  options.requests = {.in_flight_max = window, .waiting_max = 6};
  options.outbox = {.messages_max = 5, .attempts_max = 3};
  options.conversations.timeline.held_max = 4;
  return options;
}

class Script {
 public:
  Script(const std::uint8_t* data, std::size_t size) : input_(data, size) {
    PARLEY_ASSERT(core_.load(DeviceId{5}, now_).has_value());
    core_.start(now_);
    perform();
  }

  void run() {
    for (std::size_t step = 0; step < steps_max && !input_.empty(); ++step) {
      take_step();
      perform();
      check();
    }
    core_.stop(now_);
    perform();
    PARLEY_ASSERT(calls_open_ == 0);
    PARLEY_ASSERT(log_.queued()->size() == sends_open_.size());
  }

 private:
  enum class Wire { none, dialing, open };
  struct Asked {
    std::uint16_t verb;
    std::uint64_t target;
  };

  std::uint8_t byte() { return input_.number<std::uint8_t>(); }
  ConversationId conversation() { return direct_conversation(us, UserId{2U + byte() % 3}); }
  // Small ones mostly, and the ends of the range.
  std::uint64_t number() {
    const std::uint8_t small = byte();
    return small < 250 ? small % 12 : 0 - static_cast<std::uint64_t>(small - 250);
  }

  void take_step() {
    switch (byte() % 16) {
      case 0: return open();
      case 1: return closed();
      case 2:
      case 3:
      case 4: return answer();
      case 5: return answer_error();
      case 6:
      case 7: return push();
      case 8: return push_receipt();
      case 9: return say_anything();
      case 10: return say_close();
      case 11: return send();
      case 12: return want();
      case 13:
      case 14: return pass(std::chrono::milliseconds(10) * byte());
      default: return rare();
    }
  }

  // -- the network and the gateway

  void open() {
    if (wire_ != Wire::dialing) return;
    wire_ = Wire::open;
    core_.on_open(now_);
  }
  void closed() {
    if (wire_ == Wire::none) return;
    drop();
    core_.on_closed(Error{Errc::disconnected, "by the network"}, now_);
  }
  void drop() {
    wire_ = Wire::none;
    asked_.clear();
  }

  void say(const FrameHeader& header, const std::string& body) {
    if (wire_ != Wire::open) return;
    core_.on_frame({header, body}, now_);
  }

  // To one of what it asked; it says what was promised, or anything.
  void answer() {
    if (asked_.empty()) return;
    const auto at = std::next(asked_.begin(), byte() % static_cast<std::ptrdiff_t>(asked_.size()));
    const auto [number, asked] = *at;
    asked_.erase(at);
    const FrameHeader header{.kind = FrameKind::reply,
                             .verb = asked.verb,
                             .number = number,
                             .target = asked.target};
    const bool as_promised = byte() < 240;
    say(header, as_promised ? body_for(asked.verb) : std::string(input_.take(byte() % 64)));
  }

  std::string body_for(std::uint16_t verb) {
    switch (static_cast<Verb>(verb)) {
      case Verb::login_password:
      case Verb::login_token:
      case Verb::login_resume: return login();
      case Verb::c2c_send: return ack();
      case Verb::c2c_pull: return page();
      case Verb::c2c_conversations: return list();
      case Verb::c2c_receipt: return cursors();
      default: return {};
    }
  }

  std::string login() {
    const std::uint8_t odd = byte();
    wire::LoginReply reply;
    reply.set_user(odd < 230 ? us.value : 2);
    if (odd % 2 == 0) reply.set_device_token("device");
    if (odd % 4 != 0) reply.set_access_token("access");
    reply.set_access_token_valid_ms(1'000U * byte());
    reply.mutable_limits()->set_requests_in_flight_max(odd % 8);
    reply.mutable_limits()->set_ping_every_ms(byte() * 100U);
    return reply.SerializeAsString();
  }
  std::string ack() {
    wire::SendReply reply;
    reply.set_seq(number());
    reply.set_time_ms(byte());
    return reply.SerializeAsString();
  }
  void fill(wire::Entry* entry) {
    const std::uint8_t odd = byte();
    entry->set_seq(number());
    entry->set_sender(1U + odd % 3);
    // Perhaps one of our own.
    ClientMessageId id{};
    id[0] = odd / 3;
    entry->set_client_id(id.data(), odd < 250 ? id.size() : 3);
    entry->set_body("text");
  }
  std::string page() {
    wire::EntriesReply reply;
    for (int count = byte() % 8; count > 0; --count) fill(reply.add_entries());
    reply.set_head(number());
    reply.set_more(byte() % 2 == 0);
    return reply.SerializeAsString();
  }
  std::string list() {
    wire::ConversationsReply reply;
    for (int count = byte() % 4; count > 0; --count) {
      auto* listed = reply.add_conversations();
      listed->set_conversation(conversation().value);
      listed->set_head(number());
      listed->set_received(number());
      listed->set_read(number());
      listed->set_peer_received(number());
      listed->set_peer_read(number());
    }
    reply.set_more(byte() % 4 == 0);
    return reply.SerializeAsString();
  }
  std::string cursors() {
    wire::ReceiptReply reply;
    reply.set_received(number());
    reply.set_read(number());
    return reply.SerializeAsString();
  }

  std::string error_body() {
    wire::ErrorBody body;
    body.set_code(byte());
    body.set_retry_after_ms(10U * byte());
    return body.SerializeAsString();
  }
  void answer_error() {
    if (asked_.empty()) return;
    const auto at = std::next(asked_.begin(), byte() % static_cast<std::ptrdiff_t>(asked_.size()));
    const auto [number, asked] = *at;
    asked_.erase(at);
    say({.kind = FrameKind::error, .verb = asked.verb, .number = number}, error_body());
  }

  void push() {
    const ConversationId where = conversation();
    wire::MessageNotice notice;
    fill(notice.mutable_entry());
    say({.kind = FrameKind::notice,
         .verb = static_cast<std::uint16_t>(Notice::c2c_message),
         .target = where.value},
        notice.SerializeAsString());
  }
  void push_receipt() {
    const ConversationId where = conversation();
    wire::ReceiptNotice notice;
    notice.set_user(1U + byte() % 3);
    notice.set_received(number());
    notice.set_read(number());
    say({.kind = FrameKind::notice,
         .verb = static_cast<std::uint16_t>(Notice::c2c_receipt_notice),
         .target = where.value},
        notice.SerializeAsString());
  }
  void say_anything() {
    FrameHeader header{.kind = static_cast<FrameKind>(1 + byte() % 7)};
    header.verb = input_.number<std::uint16_t>();
    header.number = byte();
    header.target = number();
    // A frame that ends a request is heard by the core, too.
    const bool ends = header.kind == FrameKind::reply || header.kind == FrameKind::error;
    if (ends) asked_.erase(header.number);
    say(header, std::string(input_.take(byte() % 64)));
  }
  void say_close() { say({.kind = FrameKind::close}, error_body()); }

  // -- the user

  void send() {
    Outgoing message{.conversation = conversation(), .body = "text"};
    message.id[0] = byte() / 3;
    if (byte() == 0) message.body = std::string(input_.take(8));
    const bool is_new = !sends_open_.contains(message.id);
    const Status sent = core_.send(message, now_);
    PARLEY_ASSERT(is_new || !sent);
    if (sent) sends_open_.insert(message.id);
  }

  void want() {
    const std::uint8_t what = byte();
    if (what < 80) {
      const ConversationId where = conversation();
      core_.mark_read(where, Seq{number()}, now_);
    } else if (what < 120) {
      ClientMessageId id{};
      id[0] = byte() / 3;
      PARLEY_ASSERT(core_.abandon(id).has_value() == sends_open_.contains(id));
    } else {
      call(what);
    }
  }
  void call(std::uint8_t what) {
    const auto answered = [this](const Result<std::string>&) {
      PARLEY_ASSERT(calls_open_ > 0);
      --calls_open_;
    };
    const Status accepted = what < 250
                                ? core_.call(Verb::login_find, 0, "find", answered, now_)
                                : core_.logout(answered, now_);
    if (accepted) ++calls_open_;
  }

  void rare() {
    const std::uint8_t what = byte();
    if (what < 60) core_.start(now_);
    else if (what < 80) core_.stop(now_);
    else pass(1s * what);
  }

  void pass(Duration time) {
    now_ += time;
    core_.tick(now_);
    perform();
    // What is due is done, not put off to the same moment again.
    for (int again = 0; core_.next_deadline() && *core_.next_deadline() <= now_; ++again) {
      PARLEY_ASSERT(again < 50);
      core_.tick(now_);
      perform();
    }
  }

  // -- what the core wants done

  void perform() {
    for (int round = 0;; ++round) {
      auto actions = core_.take_actions();
      if (actions.empty()) return;
      PARLEY_ASSERT(round < 50 && actions.size() < 200);
      for (Action& action : actions) std::visit([this](auto& a) { on(a); }, action);
    }
  }

  void on(Dial&) {
    PARLEY_ASSERT(wire_ == Wire::none);
    wire_ = Wire::dialing;
  }
  void on(HangUp&) {
    PARLEY_ASSERT(wire_ != Wire::none);
    drop();
  }
  void on(Transmit& frame) {
    PARLEY_ASSERT(wire_ == Wire::open);
    PARLEY_ASSERT(frame.body.size() <= limits::frame_body_max);
    if (frame.header.kind != FrameKind::request) return;
    const Asked asked{frame.header.verb, frame.header.target};
    PARLEY_ASSERT(asked_.try_emplace(frame.header.number, asked).second);
    // Those that have expired the core does not wait for any more.
    if (asked_.size() > 100) asked_.erase(asked_.begin());
  }
  void on(StateChanged& state) {
    const bool is_wired = state.phase != Phase::stopped && state.phase != Phase::waiting;
    // Whoever it was at the first login, the local log is his.
    if (state.phase == Phase::ready && !owner_) owner_ = core_.user();
    if (state.phase == Phase::ready) PARLEY_ASSERT(core_.user() == owner_);
    if (is_wired) PARLEY_ASSERT(wire_ != Wire::none);
    PARLEY_ASSERT(state.retry_in >= Duration::zero());
  }
  void on(MessageAdded& added) {
    const Entry& entry = added.entry;
    const auto [last, is_first] = told_.try_emplace(entry.conversation, entry.seq);
    PARLEY_ASSERT(is_first || entry.seq.value == last->second.value + 1);
    last->second = entry.seq;
  }
  void on(ReceiptMoved& moved) {
    PARLEY_ASSERT(moved.cursors.read <= moved.cursors.received);
    Cursors& shown = shown_[{moved.conversation, moved.user}];
    PARLEY_ASSERT(moved.cursors.read >= shown.read && moved.cursors.received >= shown.received);
    shown = moved.cursors;
  }
  void on(SendDone& done) { PARLEY_ASSERT(sends_open_.erase(done.id) == 1); }
  void on(Synced&) {}
  // The log works: what it refuses the core should not have asked for.
  void on(LogFailed&) { PARLEY_ASSERT(false); }
  void on(CallBack& call) { call.answer(std::move(call.result)); }

  void check() {
    PARLEY_ASSERT(core_.unacknowledged() == sends_open_.size());
    PARLEY_ASSERT(core_.unacknowledged() <= options().outbox.messages_max);
    for (const auto& [where, last] : told_)
      PARLEY_ASSERT(core_.conversations().last(where) >= last);
  }

  fuzz::Input input_;
  Instant now_{std::chrono::hours(1)};
  MemoryLog log_{20};
  ClientCore core_{options(), {.name = "alice", .password = "secret"}, log_, 7};
  UserId owner_;
  Wire wire_ = Wire::none;
  std::map<std::uint32_t, Asked> asked_;
  std::map<ConversationId, Seq> told_;
  std::map<std::pair<ConversationId, UserId>, Cursors> shown_;
  std::set<ClientMessageId> sends_open_;
  std::size_t calls_open_ = 0;
};

}  // namespace
}  // namespace parley::client

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  parley::client::Script(data, size).run();
  return 0;
}
