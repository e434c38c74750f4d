#include "workers/c2c_send.h"

#include <cstring>
#include <tuple>

#include "base/assert.h"
#include "base/failpoint.h"
#include "base/utf8.h"
#include "proto/limits.h"

namespace parley {
namespace {

Status check(const wire::SendRequest& message) {
  if (message.client_id().size() != std::tuple_size_v<ClientMessageId>)
    return fail(Errc::bad_request, "client_id is not 16 bytes");
  if (message.body().size() > limits::text_max) return fail(Errc::too_large, "body");
  if (message.body().empty()) return fail(Errc::bad_request, "empty body");
  switch (message.kind()) {
    case wire::MESSAGE_KIND_TEXT:
      if (!is_utf8(message.body()) || message.body().find('\0') != std::string::npos)
        return fail(Errc::bad_request, "text is not UTF-8 without NUL");
      return {};
    case wire::MESSAGE_KIND_CUSTOM: return {};
    default: return fail(Errc::bad_request, "unknown kind of message");
  }
}

NewEntry entry_of(const Request<wire::SendRequest>& request, std::int64_t time_ms) {
  NewEntry entry{.conversation = ConversationId{request.header.target},
                 .sender = request.header.user,
                 .kind = static_cast<std::uint16_t>(request.body.kind()),
                 .body = request.body.body(),
                 .time_ms = time_ms};
  std::memcpy(entry.client_id.data(), request.body.client_id().data(), entry.client_id.size());
  return entry;
}

void fill(const NewEntry& entry, const Appended& appended, wire::Entry& out) {
  out.set_seq(appended.seq.value);
  out.set_sender(entry.sender.value);
  out.set_client_id(entry.client_id.data(), entry.client_id.size());
  out.set_kind(static_cast<wire::MessageKind>(entry.kind));
  out.set_body(entry.body.data(), entry.body.size());
  out.set_time_ms(appended.time_ms);
}

// What failpoints answer.
Outcome refuse_all(std::size_t requests) {
  return {std::vector<Result<Answer>>(requests, fail(Errc::retry_later, "failpoint", 100)), {}};
}

}  // namespace

Outcome C2cSender::send(std::span<const Request<wire::SendRequest>> requests,
                        const Moment& moment) {
  Outcome outcome;
  outcome.answers.resize(requests.size());
  const std::vector<std::size_t> places = admissible(requests, outcome);
  if (places.empty()) return outcome;
  std::vector<NewEntry> entries;
  entries.reserve(places.size());
  for (const std::size_t i : places) entries.push_back(entry_of(requests[i], moment.wall_ms));

  if (failpoint(Failpoint::wk_before_begin) == FailAction::fail)
    return refuse_all(requests.size());
  const auto results = log_.append(entries);
  if (failpoint(Failpoint::wk_after_commit_before_reply) == FailAction::fail)
    return refuse_all(requests.size());
  PARLEY_ASSERT(results.size() == entries.size());
  outcome.deliveries.reserve(entries.size());
  for (std::size_t j = 0; j < entries.size(); ++j) {
    if (results[j]) {
      settle(entries[j], requests[places[j]].header.device, *results[j], outcome, places[j]);
    } else {
      outcome.answers[places[j]] = tl::unexpected(reason(entries[j], results[j].error()));
    }
  }
  return outcome;
}

std::vector<std::size_t> C2cSender::admissible(std::span<const Request<wire::SendRequest>> requests,
                                               Outcome& outcome) {
  std::vector<std::size_t> places;
  std::vector<ConversationId> targets;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (Status checked = check(requests[i].body); checked) {
      places.push_back(i);
      targets.emplace_back(requests[i].header.target);
    } else {
      outcome.answers[i] = tl::unexpected(std::move(checked).error());
    }
  }
  const auto closed = book_.open(targets);
  std::erase_if(places, [&](std::size_t i) {
    const auto failure = closed.find(ConversationId{requests[i].header.target});
    if (failure != closed.end()) outcome.answers[i] = tl::unexpected(failure->second);
    return failure != closed.end();
  });
  return places;
}

Error C2cSender::reason(const NewEntry& entry, const Error& error) {
  if (error.code != Errc::not_found) return error;
  book_.forget(entry.conversation);
  return {Errc::retry_later, "append: the conversation is not open any more"};
}

void C2cSender::settle(const NewEntry& entry, DeviceId from, const Appended& appended,
                       Outcome& outcome, std::size_t place) {
  book_.saw(entry.conversation, appended.seq);
  reply_.set_seq(appended.seq.value);
  reply_.set_time_ms(appended.time_ms);
  outcome.answers[place] = answer_with(reply_);

  fill(entry, appended, *notice_.mutable_entry());
  const UserId peer = members_of(entry.conversation)->other(entry.sender);
  outcome.deliveries.push_back({.notice = Notice::c2c_message,
                                .key = entry.conversation.value,
                                .target = entry.conversation.value,
                                .skip_device = from,
                                .users = {entry.sender, peer},
                                .body = notice_.SerializeAsString()});
}

}  // namespace parley
