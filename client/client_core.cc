#include "client/client_core.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/utf8.h"
#include "proto/limits.h"

namespace parley::client {
namespace {

const Error lost{Errc::disconnected, "the connection was lost before the answer"};
const Error unanswered{Errc::disconnected, "no answer within the deadline"};

Status check(const Outgoing& message) {
  if (message.body.empty()) return fail(Errc::bad_request, "the message is empty");
  if (message.body.size() > limits::text_max)
    return fail(Errc::too_large, "the message is too long");
  const bool is_text = message.kind == MessageKind::text;
  if (is_text && (!is_utf8(message.body) || message.body.find('\0') != std::string::npos))
    return fail(Errc::bad_request, "a text must be UTF-8 without NUL");
  return {};
}

// Visits a purpose with one lambda per kind.
template <typename... Lambdas>
struct Match : Lambdas... {
  using Lambdas::operator()...;
};
template <typename... Lambdas>
Match(Lambdas...) -> Match<Lambdas...>;

}  // namespace

ClientCore::ClientCore(const ClientOptions& options, Credentials credentials, LocalLog& log,
                       std::uint64_t seed)
    : quiet_max_(options.quiet_max),
      log_(log),
      session_(options.session, std::move(credentials), seed),
      requests_(options.requests),
      outbox_(options.outbox, seed + 1),
      conversations_(options.conversations, log, seed + 2) {}

Status ClientCore::load(DeviceId fresh_device, Instant now) {
  PARLEY_TRY(auto identity, log_.identity());
  if (!identity) {
    identity = Identity{.device = fresh_device, .user = {}, .device_token = {}};
    PARLEY_CHECK(log_.save_identity(*identity));
  }
  const DeviceAge age = identity->user ? DeviceAge::is_known : DeviceAge::is_new;
  session_.set_identity(*std::move(identity));
  PARLEY_CHECK(conversations_.load(age));
  PARLEY_TRY(auto queued, log_.queued());
  for (Outgoing& message : queued) PARLEY_CHECK(outbox_.add(std::move(message), now));
  return {};
}

void ClientCore::start(Instant now) {
  const Phase before = phase(now);
  session_.start(now, actions_);
  follow(before, now);
}

void ClientCore::stop(Instant now) {
  const Phase before = phase(now);
  session_.stop(Error{Errc::disconnected, "closed by us"}, actions_);
  follow(before, now);
}

void ClientCore::on_open(Instant now) {
  const Phase before = phase(now);
  session_.on_open(now, actions_);
  follow(before, now);
}

void ClientCore::on_closed(const Error& why, Instant now) {
  const Phase before = phase(now);
  session_.on_closed(why, now, actions_);
  follow(before, now);
}

void ClientCore::on_frame(const Frame& frame, Instant now) {
  const Phase before = phase(now);
  if (session_.on_frame(frame, now, actions_) == Session::Took::no) {
    if (frame.header.kind == FrameKind::notice) on_notice(frame, now);
    else on_answer(frame, now);
  }
  follow(before, now);
}

void ClientCore::tick(Instant now) {
  const Phase before = phase(now);
  session_.tick(now, actions_);
  for (RequestTable::Expired& expired : requests_.expire(now)) {
    // Not a sound for a whole deadline: another gateway is a better bet than more patience.
    if (is_ready() && expired.sent && session_.last_heard() <= *expired.sent)
      session_.give_up_connection(unanswered, now, actions_);
    on_failure(std::move(expired.purpose), unanswered, now);
  }
  follow(before, now);
}

std::optional<Instant> ClientCore::next_deadline() const {
  std::optional<Instant> next = session_.next_deadline();
  const auto consider = [&](std::optional<Instant> at) {
    if (at && (!next || *at < *next)) next = at;
  };
  consider(requests_.next_deadline());
  if (is_ready() && quiet_until_) {
    consider(quiet_until_);
    return next;
  }
  // Without room, the next answer makes things go on, not a moment.
  if (!is_ready() || requests_.room() == 0) return next;
  consider(outbox_.next_due());
  consider(conversations_.next_due());
  return next;
}

// What a change of the session's state means for the rest; then whatever can be sent is sent.
void ClientCore::follow(Phase before, Instant now) {
  const Phase after = phase(now);
  if (before == Phase::ready && after != Phase::ready) on_lost(now);
  if (after != before) tell(session_.describe(now));
  if (before != Phase::ready && after == Phase::ready) on_ready(now);
  pump(now);
}

void ClientCore::on_ready(Instant now) {
  if (const Status saved = log_.save_identity(session_.identity()); !saved)
    tell(LogFailed{saved.error()});
  requests_.server_allows(session_.login().requests_in_flight_max);
  outbox_.connected(requests_.window());
  const std::size_t from = actions_.size();
  conversations_.connected(user(), now, actions_);
  settle_own(from);
}

void ClientCore::on_lost(Instant now) {
  for (Purpose& purpose : requests_.take_all()) {
    if (auto* caller = std::get_if<ForCaller>(&purpose))
      actions_.emplace_back(CallBack{std::move(caller->answer), tl::unexpected(lost)});
    if (auto* logout = std::get_if<ForLogout>(&purpose))
      actions_.emplace_back(CallBack{std::move(logout->answer), tl::unexpected(lost)});
  }
  conversations_.disconnected(now);
  for (const Outgoing& message : outbox_.disconnected(now)) finish(message, tl::unexpected(lost));
}

void ClientCore::pump(Instant now) {
  if (quiet_until_ && *quiet_until_ <= now) quiet_until_.reset();
  if (!is_ready() || quiet_until_) return;
  const auto add = [&](Request request) {
    const Status added = requests_.add(std::move(request), now);
    PARLEY_ASSERT(added.has_value());
  };
  while (requests_.room() > 0) {
    auto request = conversations_.take_due(now);
    if (!request) break;
    add(*std::move(request));
  }
  while (requests_.room() > 0) {
    const Outgoing* message = outbox_.take_due(now);
    if (message == nullptr) break;
    add({.verb = Verb::c2c_send,
         .target = message->conversation.value,
         .body = wire_format::send(*message),
         .purpose = ForSend{message->id}});
  }
  while (auto frame = requests_.take_ready()) {
    actions_.emplace_back(*std::move(frame));
    session_.on_sent(now);
  }
}

void ClientCore::on_answer(const Frame& frame, Instant now) {
  if (frame.header.kind != FrameKind::reply && frame.header.kind != FrameKind::error)
    return violated(Error{Errc::bad_frame, "a frame that only clients send"}, now);
  // Nothing: an answer after its deadline. What it was about has been asked again, under the same id.
  auto purpose = requests_.complete(frame.header.number);
  if (!purpose) return;
  if (frame.header.kind == FrameKind::reply) return on_reply(*std::move(purpose), frame.body, now);
  const Error error = wire_format::decode_error(frame.body, Errc::internal);
  obey_rate(*purpose, error, now);
  if (error.code != Errc::unauthenticated) return on_failure(*std::move(purpose), error, now);
  // The server no longer knows our session: a new login mends that, and then the request is in order again.
  on_failure(*std::move(purpose), lost, now);
  session_.give_up_connection(error, now, actions_);
}

// Who goes on sending while it is told to wait has its connection closed. A message that is refused waits in its
// own lane of the outbox: its rate may be that of one conversation, no matter of the others.
void ClientCore::obey_rate(const Purpose& purpose, const Error& error, Instant now) {
  if (error.code != Errc::rate_limited || std::holds_alternative<ForSend>(purpose)) return;
  const Duration hint = std::chrono::milliseconds(error.retry_after_ms);
  const Instant until = now + std::min(hint, quiet_max_);
  quiet_until_ = std::max(quiet_until_.value_or(until), until);
}

void ClientCore::on_reply(Purpose purpose, std::string_view body, Instant now) {
  const std::size_t from = actions_.size();
  // Decodes, and hands on; bytes that are not what was promised end the connection.
  const auto with = [&](auto decoded, auto&& use) {
    if (!decoded) return violated(decoded.error(), now);
    use(*std::move(decoded));
  };
  std::visit(
      Match{
          [&](ForSend& send) {
            with(wire_format::decode_ack(body), [&](Ack ack) { committed(send.id, ack, now); });
          },
          [&](ForReceipt& receipt) {
            with(wire_format::decode_cursors(body), [&](Cursors cursors) {
              conversations_.on_reported(receipt.conversation, cursors);
            });
          },
          [&](ForPull& pull) {
            with(wire_format::decode_page(pull.conversation, body), [&](Page page) {
              conversations_.on_pull(pull.conversation, std::move(page), now, actions_);
            });
          },
          [&](ForList&) {
            with(wire_format::decode_list(body), [&](const wire_format::ListPage& page) {
              conversations_.on_list(page, now, actions_);
            });
          },
          [&](ForLogout& logout) {
            session_.forget_tokens();
            if (const Status saved = log_.save_identity(session_.identity()); !saved)
              tell(LogFailed{saved.error()});
            session_.stop(Error{Errc::revoked, "logged out"}, actions_);
            actions_.emplace_back(CallBack{std::move(logout.answer), std::string(body)});
          },
          [&](ForCaller& caller) {
            actions_.emplace_back(CallBack{std::move(caller.answer), std::string(body)});
          },
      },
      purpose);
  settle_own(from);
}

void ClientCore::on_failure(Purpose purpose, const Error& error, Instant now) {
  std::visit(Match{
                 [&](ForSend& send) {
                   if (const auto given_up = outbox_.failed(send.id, error, now))
                     finish(*given_up, tl::unexpected(error));
                 },
                 [&](ForReceipt& receipt) {
                   conversations_.on_report_failed(receipt.conversation, error, now);
                 },
                 [&](ForPull& pull) {
                   conversations_.on_pull_failed(pull.conversation, error, now);
                 },
                 [&](ForList&) { conversations_.on_list_failed(error, now); },
                 [&](ForLogout& logout) {
                   actions_.emplace_back(CallBack{std::move(logout.answer), tl::unexpected(error)});
                 },
                 [&](ForCaller& caller) {
                   actions_.emplace_back(CallBack{std::move(caller.answer), tl::unexpected(error)});
                 },
             },
             purpose);
}

void ClientCore::on_notice(const Frame& frame, Instant now) {
  const ConversationId conversation{frame.header.target};
  const std::size_t from = actions_.size();
  // Notices that this build does not know are none of its business: a newer server may send them.
  if (frame.header.verb == static_cast<std::uint16_t>(Notice::c2c_message)) {
    auto entry = wire_format::decode_message(conversation, frame.body);
    if (!entry) return violated(entry.error(), now);
    conversations_.offer(*std::move(entry), now, actions_);
    settle_own(from);
  } else if (frame.header.verb == static_cast<std::uint16_t>(Notice::c2c_receipt_notice)) {
    const auto receipt = wire_format::decode_receipt(frame.body);
    if (!receipt) return violated(receipt.error(), now);
    conversations_.on_receipt(conversation, *receipt, actions_);
  } else if (frame.header.verb == static_cast<std::uint16_t>(Notice::c2c_catch_up)) {
    const auto within = wire_format::decode_catch_up(frame.body);
    if (!within) return violated(within.error(), now);
    conversations_.catch_up(*within, now);
  }
}

void ClientCore::violated(const Error& error, Instant now) {
  session_.give_up_connection(error, now, actions_);
}

void ClientCore::committed(const ClientMessageId& id, const Ack& ack, Instant now) {
  auto message = outbox_.acked(id);
  if (!message) return;  // its entry has come another way, and the user was told then
  finish(*message, ack);
  conversations_.offer({.conversation = message->conversation,
                        .seq = ack.seq,
                        .sender = user(),
                        .client_id = id,
                        .kind = message->kind,
                        .body = std::move(message->body),
                        .time_ms = ack.time_ms},
                       now, actions_);
}

void ClientCore::finish(const Outgoing& message, Result<Ack> result) {
  if (const Status done = log_.unqueue(message.id); !done) tell(LogFailed{done.error()});
  tell(SendDone{message.id, message.conversation, std::move(result)});
}

// An own entry may come by a pull before its ack does, if that was lost: it is as good as one.
void ClientCore::settle_own(std::size_t from) {
  for (std::size_t i = from; i < actions_.size(); ++i) {
    const auto* added = std::get_if<MessageAdded>(&actions_[i]);
    if (added == nullptr || added->entry.sender != user()) continue;
    const Ack ack{.seq = added->entry.seq, .time_ms = added->entry.time_ms};
    if (const auto message = outbox_.acked(added->entry.client_id)) finish(*message, ack);
  }
}

Status ClientCore::send(Outgoing message, Instant now) {
  PARLEY_CHECK(check(message));
  PARLEY_CHECK(outbox_.add(message, now));
  if (const Status kept = log_.queue(message); !kept) {
    outbox_.abandon(message.id);
    return kept;
  }
  pump(now);
  return {};
}

Status ClientCore::abandon(const ClientMessageId& id) {
  const auto message = outbox_.abandon(id);
  if (!message) return fail(Errc::not_found, "not in the outbox");
  finish(*message, fail(Errc::disconnected, "abandoned before it was acknowledged"));
  return {};
}

Status ClientCore::mark_read(ConversationId conversation, Seq seq, Instant now) {
  PARLEY_CHECK(conversations_.mark_read(conversation, seq, now, actions_));
  pump(now);
  return {};
}

Status ClientCore::call(Verb verb, std::uint64_t target, std::string body, Answer answer,
                        Instant now) {
  if (!is_ready()) return fail(Errc::disconnected, "not connected");
  PARLEY_CHECK(requests_.add({.verb = verb,
                              .target = target,
                              .body = std::move(body),
                              .purpose = ForCaller{std::move(answer)}},
                             now));
  pump(now);
  return {};
}

Status ClientCore::logout(Answer answer, Instant now) {
  if (!is_ready()) return fail(Errc::disconnected, "not connected");
  PARLEY_CHECK(requests_.add(
      {.verb = Verb::login_logout, .body = {}, .purpose = ForLogout{std::move(answer)}}, now));
  pump(now);
  return {};
}

}  // namespace parley::client
