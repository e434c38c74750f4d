#include "tests/integration/bus/bad_input/raw_peer.h"

#include <gtest/gtest.h>
#include <zmq.h>

#include <array>

#include "bus/batch.h"
#include "proto/verbs.h"

namespace parley::test {
namespace {

constexpr int send_limit_ms = 5'000;

// One for the program: sockets come and go.
void* context() {
  static const std::unique_ptr<void, int (*)(void*)> one(zmq_ctx_new(), &zmq_ctx_term);
  static const bool many = zmq_ctx_set(one.get(), ZMQ_MAX_SOCKETS, 4'096) == 0;
  EXPECT_TRUE(many);
  return one.get();
}

void set(void* socket, int option, int value) {
  EXPECT_EQ(zmq_setsockopt(socket, option, &value, sizeof value), 0);
}

void set(void* socket, int option, const std::string& value) {
  EXPECT_EQ(zmq_setsockopt(socket, option, value.data(), value.size()), 0);
}

}  // namespace

std::string Registration::body() const {
  wire::RegisterPeer body;
  body.set_role(role);
  body.set_name(name);
  for (const std::uint32_t service : services) body.add_services(service);
  for (const std::string& app : apps) body.add_apps(app);
  body.set_credit_messages(credit_messages);
  body.set_credit_bytes(credit_bytes);
  body.set_delivery_messages(delivery_messages);
  body.set_delivery_bytes(delivery_bytes);
  return body.SerializeAsString();
}

std::string Registration::bytes() const {
  return encode({.kind = EnvelopeKind::register_peer,
                 .id = {.gateway = instance_id(name), .boot = BootId{boot}}},
                body());
}

Registration gateway_named(const std::string& name, std::uint64_t boot) {
  return {.name = name, .boot = boot, .delivery_messages = 100, .delivery_bytes = 1 << 20};
}

Registration worker_named(const std::string& name, std::uint64_t boot) {
  return {.role = wire::PEER_ROLE_WORKER,
          .name = name,
          .boot = boot,
          .services = {static_cast<std::uint32_t>(ServiceId::c2c)},
          .credit_messages = 100,
          .credit_bytes = 4 << 20};
}

RawPeer::RawPeer(const std::string& endpoint, const Options& options)
    : socket_(zmq_socket(context(), ZMQ_DEALER)) {
  set(socket_, ZMQ_LINGER, 0);
  set(socket_, ZMQ_IMMEDIATE, 1);
  set(socket_, ZMQ_SNDTIMEO, send_limit_ms);
  set(socket_, ZMQ_RECONNECT_IVL, 100);
  if (options.receive_buffer) {
    set(socket_, ZMQ_RCVHWM, 1);
    set(socket_, ZMQ_RCVBUF, *options.receive_buffer);
  }
  if (!options.identity.empty()) set(socket_, ZMQ_ROUTING_ID, options.identity);
  if (options.curve) {
    set(socket_, ZMQ_CURVE_SERVERKEY, options.curve->server_key);
    set(socket_, ZMQ_CURVE_PUBLICKEY, options.curve->own.public_key);
    set(socket_, ZMQ_CURVE_SECRETKEY, options.curve->own.secret_key);
  }
  EXPECT_EQ(zmq_connect(socket_, endpoint.c_str()), 0) << endpoint;
}

RawPeer::~RawPeer() { zmq_close(socket_); }

bool RawPeer::send(const std::vector<std::string>& frames) {
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const int more = i + 1 < frames.size() ? ZMQ_SNDMORE : 0;
    if (zmq_send(socket_, frames[i].data(), frames[i].size(), more) < 0) return false;
  }
  return true;
}

bool RawPeer::send(const EnvelopeHeader& header, std::string_view body) {
  return send(std::vector{encode(header, body)});
}

bool RawPeer::try_send(const std::string& frame) {
  return zmq_send(socket_, frame.data(), frame.size(), ZMQ_DONTWAIT) >= 0;
}

bool RawPeer::receive_message(Duration limit) {
  zmq_pollitem_t item{.socket = socket_, .fd = 0, .events = ZMQ_POLLIN, .revents = 0};
  if (zmq_poll(&item, 1, static_cast<long>(to_ms(limit))) <= 0) return false;
  zmq_msg_t message;
  zmq_msg_init(&message);
  std::string bytes;
  int frames = 0;
  do {
    if (zmq_msg_recv(&message, socket_, 0) < 0) break;
    bytes.assign(static_cast<const char*>(zmq_msg_data(&message)), zmq_msg_size(&message));
    ++frames;
  } while (zmq_msg_more(&message) != 0);
  zmq_msg_close(&message);
  EXPECT_EQ(frames, 1) << "a broker sends messages of one frame";
  const bool whole = unpack(bytes, [this](std::string_view one) {
    const auto envelope = decode_envelope(one);
    EXPECT_TRUE(envelope) << "a broker sends envelopes";
    if (envelope) waiting_.push_back({envelope->header, std::string(envelope->body)});
  });
  EXPECT_TRUE(whole);
  return true;
}

std::optional<Got> RawPeer::receive(Duration limit) {
  if (waiting_.empty() && !receive_message(limit)) return std::nullopt;
  if (waiting_.empty()) return std::nullopt;
  Got got = std::move(waiting_.front());
  waiting_.erase(waiting_.begin());
  return got;
}

std::optional<Got> RawPeer::expect(EnvelopeKind kind, Duration limit) {
  const Instant deadline = monotonic_now() + limit;
  for (Instant now = monotonic_now(); now < deadline; now = monotonic_now()) {
    auto got = receive(deadline - now);
    if (got && got->header.kind == EnvelopeKind::ping)
      send({.kind = EnvelopeKind::pong, .id = got->header.id});
    if (got && got->header.kind == kind) return got;
  }
  return std::nullopt;
}

std::optional<Got> RawPeer::register_as(const Registration& who) {
  if (!send(std::vector{who.bytes()})) return std::nullopt;
  for (auto got = receive(); got; got = receive()) {
    const EnvelopeKind kind = got->header.kind;
    if (kind == EnvelopeKind::registered || kind == EnvelopeKind::not_registered) return got;
  }
  return std::nullopt;
}

// A namesake that has just gone is noticed at the first attempt; a crowd that has, soon.
bool RawPeer::is_registered_as(const Registration& who) {
  const Instant deadline = monotonic_now() + std::chrono::seconds(5);
  while (monotonic_now() < deadline) {
    const auto answer = register_as(who);
    if (!answer) return false;
    if (answer->header.kind == EnvelopeKind::registered) return true;
    const auto why = static_cast<Errc>(answer->header.error);
    if (why != Errc::conflict && why != Errc::retry_later) return false;
    receive(100ms);
  }
  return false;
}

bool RawPeer::is_heard() {
  return say(EnvelopeKind::ping) && expect(EnvelopeKind::pong).has_value();
}

}  // namespace parley::test
