#include "bus/status_client.h"

#include <poll.h>

#include <algorithm>

#include "bus/zmq_socket.h"
#include "proto/envelope.h"

namespace parley {
namespace {

// ZeroMQ's descriptor signals edges and may stay silent although something waits, so we also look without it.
constexpr Duration look_every = 5ms;

Result<wire::BrokerStatus> parse(std::string_view bytes) {
  const auto envelope = decode_envelope(bytes);
  if (!envelope) return tl::unexpected(envelope.error());
  wire::BrokerStatus status;
  if (envelope->header.kind != EnvelopeKind::status_reply ||
      !status.ParseFromArray(envelope->body.data(), static_cast<int>(envelope->body.size())))
    return fail(Errc::bad_frame, "the answer is no status");
  return status;
}

}  // namespace

Result<wire::BrokerStatus> ask_status(const std::string& endpoint, Duration limit) {
  ZmqContext context;
  ZmqSocket socket = ZmqSocket::dealer(context, {.identity = fresh_identity('s')});
  PARLEY_CHECK(socket.connect(endpoint));
  const std::string question = encode({.kind = EnvelopeKind::status}, {});
  const Instant deadline = monotonic_now() + limit;
  bool asked = false;
  for (ZmqMessage answer; monotonic_now() < deadline;) {
    if (!asked) asked = socket.send(question) == SendStatus::sent;
    if (socket.receive(answer)) return parse(answer.bytes);
    pollfd readable{socket.descriptor(), POLLIN, 0};
    poll(&readable, 1, static_cast<int>(to_ms(look_every)));
  }
  return fail(Errc::retry_later, endpoint + " does not answer");
}

}  // namespace parley
