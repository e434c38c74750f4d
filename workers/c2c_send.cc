#include "workers/c2c_send.h"

#include <cstring>
#include <tuple>

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

}  // namespace

Outcome C2cSender::send(std::span<const Request<wire::SendRequest>> requests,
                        const Moment& moment) {
  Outcome outcome;
  outcome.answers.resize(requests.size());
  std::vector<Posting> postings;
  std::vector<std::size_t> places;
  postings.reserve(requests.size());
  places.reserve(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (Status checked = check(requests[i].body); checked) {
      const EnvelopeHeader& header = requests[i].header;
      postings.push_back({entry_of(requests[i], moment.wall_ms), header.device, header.trace});
      places.push_back(i);
    } else {
      outcome.answers[i] = tl::unexpected(std::move(checked).error());
    }
  }
  if (postings.empty()) return outcome;

  const auto results = poster_.post(postings, outcome.deliveries);
  for (std::size_t j = 0; j < places.size(); ++j) {
    if (results[j]) {
      reply_.set_seq(results[j]->seq.value);
      reply_.set_time_ms(results[j]->time_ms);
      outcome.answers[places[j]] = answer_with(reply_);
    } else {
      outcome.answers[places[j]] = tl::unexpected(results[j].error());
    }
  }
  return outcome;
}

}  // namespace parley
