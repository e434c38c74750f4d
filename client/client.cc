#include "client/client.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/random.h"
#include "proto/app_name.h"

namespace parley::client {
namespace {

const std::size_t app_request_max =
    verb_info(static_cast<std::uint16_t>(Verb::app_request))->body_max;

// A callback for bytes from one for values.
template <typename T, typename Decode>
Answer decoding(Client::Callback<T> callback, Decode decode) {
  return [callback = std::move(callback), decode](Result<std::string> body) {
    callback(body.and_then([&](const std::string& bytes) { return decode(bytes); }));
  };
}

}  // namespace

Client::Client(Network& network, const PinnedKey& server, const ClientOptions& options,
               Credentials credentials, LocalLog& log, Observer& observer)
    : network_(network),
      server_(server),
      observer_(observer),
      core_(options, std::move(credentials), log, secure_random_id()),
      connection_(network, *this),
      timer_(network.loop(), [this] {
        armed_.reset();
        core_.tick(now());
        settle();
      }) {}

Client::~Client() = default;

Status Client::start() {
  PARLEY_CHECK(core_.load(DeviceId{secure_random_id()}, now()));
  core_.start(now());
  settle();
  return {};
}

void Client::close() {
  core_.stop(now());
  settle();
}

void Client::on_open() {
  core_.on_open(now());
  settle();
}

void Client::on_frame(const Frame& frame) {
  if (frame.header.kind == FrameKind::notice) observer_.on_notice(frame);
  core_.on_frame(frame, now());
  settle();
}

void Client::on_closed(const Error& why) {
  core_.on_closed(why, now());
  settle();
}

// What an observer does within its call ends up in the core, and its actions are carried out after those before it.
void Client::settle() {
  if (is_settling_) return;
  is_settling_ = true;
  for (auto actions = core_.take_actions(); !actions.empty(); actions = core_.take_actions()) {
    for (Action& action : actions) perform(action);
  }
  is_settling_ = false;
  arm();
}

void Client::perform(Action& action) {
  struct Visitor {
    Client& self;
    void operator()(const Dial& dial) { self.connection_.open(dial.endpoint, self.server_); }
    void operator()(const Transmit& frame) { self.connection_.send(frame.header, frame.body); }
    void operator()(const HangUp&) { self.connection_.close(); }
    void operator()(const StateChanged& state) { self.observer_.on_state(state); }
    void operator()(const MessageAdded& added) { self.observer_.on_message(added.entry); }
    void operator()(const ReceiptMoved& moved) { self.observer_.on_receipt(moved); }
    void operator()(const SendDone& done) { self.observer_.on_send_result(done); }
    void operator()(const Synced&) { self.observer_.on_synced(); }
    void operator()(const LogFailed& failed) { self.observer_.on_log_failed(failed.error); }
    void operator()(CallBack& call) { call.answer(std::move(call.result)); }
  };
  std::visit(Visitor{*this}, action);
}

// Re-armed only for an earlier deadline: with every message a later one comes, and the timer heap is not free.
void Client::arm() {
  const auto next = core_.next_deadline();
  if (!next || (armed_ && *armed_ <= *next)) return;
  armed_ = next;
  timer_.once(std::max(*next - now(), Duration::zero()));
}

Result<ClientMessageId> Client::send(ConversationId conversation, std::string text) {
  const ClientMessageId id = new_message_id();
  PARLEY_CHECK(send({.id = id, .conversation = conversation, .body = std::move(text)}));
  return id;
}

Status Client::send(Outgoing message) {
  const Status sent = core_.send(std::move(message), now());
  settle_soon();
  return sent;
}

Status Client::abandon(const ClientMessageId& id) {
  const Status abandoned = core_.abandon(id);
  settle_soon();
  return abandoned;
}

Status Client::mark_read(ConversationId conversation, Seq seq) {
  const Status marked = core_.mark_read(conversation, seq, now());
  settle_soon();
  return marked;
}

ConversationId Client::conversation_with(UserId peer) const {
  PARLEY_ASSERT(is_valid(user()) && is_valid(peer) && peer != user());
  return direct_conversation(user(), peer);
}

Status Client::find(std::span<const std::string> names, std::span<const UserId> users,
                    Callback<std::vector<Profile>> callback) {
  return call(Verb::login_find, 0, wire_format::find(names, users),
              decoding(std::move(callback), wire_format::decode_profiles));
}

Status Client::history(ConversationId conversation, Seq before, std::uint32_t limit,
                       Callback<Page> callback) {
  const auto decode = [conversation](std::string_view body) {
    return wire_format::decode_page(conversation, body);
  };
  return call(Verb::c2c_history, conversation.value, wire_format::history(before, limit),
              decoding(std::move(callback), decode));
}

Status Client::pull(ConversationId conversation, Seq from, Seq to, Callback<Page> callback) {
  const auto decode = [conversation](std::string_view body) {
    return wire_format::decode_page(conversation, body);
  };
  return call(Verb::c2c_pull, conversation.value, wire_format::pull(from, to),
              decoding(std::move(callback), decode));
}

Status Client::ask_app(std::string_view name, std::string body, Callback<std::string> callback) {
  if (!is_app_name(name)) return fail(Errc::bad_request, "not the name of an app: app.…");
  if (body.size() > app_request_max) return fail(Errc::too_large, "request to an app");
  return call(Verb::app_request, app_target(name), std::move(body), std::move(callback));
}

Status Client::logout(std::function<void(Status)> callback) {
  const Status asked = core_.logout(
      [callback = std::move(callback)](Result<std::string> body) {
        callback(body.map([](const std::string&) {}));
      },
      now());
  settle_soon();
  return asked;
}

Status Client::call(Verb verb, std::uint64_t target, std::string body,
                    Callback<std::string> callback) {
  const Status asked = core_.call(verb, target, std::move(body), std::move(callback), now());
  settle_soon();
  return asked;
}

// The user's calls must not call the user back: what there is to tell is told from the loop, at once.
void Client::settle_soon() {
  if (is_settling_) return;
  armed_ = now();
  timer_.once(Duration::zero());
}

}  // namespace parley::client
