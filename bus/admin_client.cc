#include "bus/admin_client.h"

#include <poll.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "bus/batch.h"
#include "bus/zmq_socket.h"
#include "proto/envelope.h"

namespace parley {
namespace {

// ZeroMQ's descriptor signals edges and may stay silent although something waits, so we also look without it.
constexpr Duration look_every = 5ms;

Result<ZmqSocket> connect(ZmqContext& context, const BusEndpoint& broker) {
  ZmqSocket socket = ZmqSocket::dealer(
      context, {.identity = fresh_identity('s'), .curve = broker.curve});
  PARLEY_CHECK(socket.connect(broker.address));
  return socket;
}

// Takes what one broker says. What it returns is the result; nothing: there is more to come.
template <typename Answer>
using Take = std::function<std::optional<Result<Answer>>(const Envelope& envelope)>;

// One broker that is being asked.
template <typename Answer>
class Asked {
 public:
  Asked(ZmqContext& context, const BusEndpoint& broker, Take<Answer> take)
      : broker_(broker.address), take_(std::move(take)) {
    auto socket = connect(context, broker);
    if (socket) socket_.emplace(*std::move(socket));
    else answer_ = tl::unexpected(socket.error());
  }

  bool is_done() const { return answer_.has_value(); }
  int descriptor() const { return socket_->descriptor(); }
  Result<Answer> answer() && {
    if (answer_) return *std::move(answer_);
    return fail(Errc::retry_later, broker_ + " does not answer");
  }

  void go_on(std::string_view question) {
    if (!sent_) sent_ = socket_->send(question) == SendStatus::sent;
    for (ZmqMessage message; !is_done() && socket_->receive(message);) {
      const bool whole = unpack(message.bytes, [this](std::string_view bytes) { hear(bytes); });
      if (!whole && !is_done()) answer_ = no_broker();
    }
  }

 private:
  tl::unexpected<Error> no_broker() const {
    return fail(Errc::bad_frame, broker_ + ": what answers there is no broker");
  }
  void hear(std::string_view bytes) {
    if (is_done()) return;
    const auto envelope = decode_envelope(bytes);
    if (!envelope) answer_ = no_broker();
    else answer_ = take_(*envelope);
    if (answer_ && !*answer_) answer_->error().detail = broker_ + ": " + answer_->error().detail;
  }

  std::string broker_;
  Take<Answer> take_;
  std::optional<ZmqSocket> socket_;
  std::optional<Result<Answer>> answer_;
  bool sent_ = false;
};

// `take_for(i)` makes what takes the answers of the i-th broker.
template <typename Answer>
std::vector<Result<Answer>> ask(const Endpoints& brokers, std::string_view question,
                                Duration limit,
                                const std::function<Take<Answer>(std::size_t)>& take_for) {
  ZmqContext context;
  std::vector<Asked<Answer>> all;
  for (std::size_t i = 0; i < brokers.size(); ++i)
    all.emplace_back(context, brokers[i], take_for(i));
  const Instant deadline = monotonic_now() + limit;
  while (true) {
    std::vector<pollfd> readable;
    for (Asked<Answer>& one : all) {
      if (!one.is_done()) one.go_on(question);
      if (!one.is_done()) readable.push_back({one.descriptor(), POLLIN, 0});
    }
    if (readable.empty() || monotonic_now() >= deadline) break;
    poll(readable.data(), readable.size(), static_cast<int>(to_ms(look_every)));
  }
  std::vector<Result<Answer>> answers;
  for (Asked<Answer>& one : all) answers.push_back(std::move(one).answer());
  return answers;
}

template <typename Message>
Result<Message> parse(EnvelopeKind expected, const Envelope& envelope) {
  const auto refusal = errc_from(envelope.header.error);
  if (envelope.header.kind == EnvelopeKind::not_registered && refusal)
    return fail(*refusal, std::string(text_of(*refusal)));
  Message message;
  if (envelope.header.kind != expected ||
      !message.ParseFromArray(envelope.body.data(), static_cast<int>(envelope.body.size())))
    return fail(Errc::bad_frame, "what answers there is no broker");
  return message;
}

Result<wire::AdminReply> parse_reply(const Envelope& envelope) {
  if (envelope.header.kind == EnvelopeKind::admin_reply && envelope.header.error != 0) {
    const auto code = static_cast<Errc>(envelope.header.error);
    return fail(code, std::string(name_of(code)));
  }
  return parse<wire::AdminReply>(EnvelopeKind::admin_reply, envelope);
}

std::string question_of(const wire::AdminRequest& request) {
  return encode({.kind = EnvelopeKind::admin}, request.SerializeAsString());
}

}  // namespace

std::vector<Result<wire::BrokerStatus>> ask_status(const Endpoints& brokers, Duration limit) {
  return ask<wire::BrokerStatus>(
      brokers, encode({.kind = EnvelopeKind::status}, {}), limit, [](std::size_t) {
        return [](const Envelope& envelope) {
          return parse<wire::BrokerStatus>(EnvelopeKind::status_reply, envelope);
        };
      });
}

Result<wire::BrokerStatus> ask_status(const BusEndpoint& broker, Duration limit) {
  return std::move(ask_status(Endpoints{broker}, limit).front());
}

std::vector<Result<wire::AdminReply>> ask_admin(const Endpoints& brokers,
                                                const wire::AdminRequest& request,
                                                Duration limit) {
  return ask<wire::AdminReply>(brokers, question_of(request), limit,
                               [](std::size_t) { return parse_reply; });
}

std::vector<Result<TraceReplies>> ask_trace(const Endpoints& brokers,
                                            const wire::TraceQuery& query, Duration limit) {
  wire::AdminRequest request;
  *request.mutable_trace() = query;
  struct Heard {
    std::uint32_t asked = 0;
    TraceReplies replies;
  };
  std::vector<Heard> heard(brokers.size());
  const auto take_for = [&heard](std::size_t broker) -> Take<TraceReplies> {
    return [&so_far = heard[broker]](const Envelope& envelope)
               -> std::optional<Result<TraceReplies>> {
      auto reply = parse_reply(envelope);
      if (!reply) return tl::unexpected(reply.error());
      so_far.asked = std::max(so_far.asked, reply->asked());
      so_far.replies.answers.push_back(std::move(*reply->mutable_trace()));
      if (so_far.replies.answers.size() <= so_far.asked) return std::nullopt;
      return so_far.replies;
    };
  };
  auto results = ask<TraceReplies>(brokers, question_of(request), limit, take_for);
  // Who does not answer must not hide what the others know.
  for (std::size_t i = 0; i < brokers.size(); ++i) {
    Heard& known = heard[i];
    if (results[i] || results[i].error().code != Errc::retry_later || known.replies.answers.empty())
      continue;
    const auto answered = static_cast<std::uint32_t>(known.replies.answers.size());
    known.replies.missing = known.asked + 1 - answered;
    results[i] = std::move(known.replies);
  }
  return results;
}

}  // namespace parley
