#include "perf/raw/dealer.h"

#include <zmq.h>

#include <cerrno>
#include <vector>

#include "base/assert.h"

namespace parley::perf {
namespace {

// Above everything that a load has in flight, so that ZeroMQ's own marks never decide.
constexpr int messages_max = 100'000;

void set(void* socket, int option, int value) {
  PARLEY_ASSERT(zmq_setsockopt(socket, option, &value, sizeof value) == 0);
}

void set(void* socket, int option, const std::string& key) {
  PARLEY_ASSERT(zmq_setsockopt(socket, option, key.c_str(), key.size() + 1) == 0);
}

int events_of(void* socket) {
  int events = 0;
  std::size_t size = sizeof events;
  PARLEY_ASSERT(zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) == 0);
  return events;
}

std::string_view view(zmq_msg_t& frame) {
  return {static_cast<const char*>(zmq_msg_data(&frame)), zmq_msg_size(&frame)};
}

}  // namespace

ZeroMq::ZeroMq() : context_(zmq_ctx_new()) {}
ZeroMq::~ZeroMq() {
  while (zmq_ctx_term(context_) != 0) PARLEY_ASSERT(errno == EINTR);
}

void Dealer::Close::operator()(void* socket) const { zmq_close(socket); }

Dealer::Dealer(ZeroMq& zmq, const std::string& endpoint, const std::optional<CurveClient>& curve)
    : socket_(zmq_socket(zmq.raw(), ZMQ_DEALER)) {
  set(socket_.get(), ZMQ_LINGER, 0);
  set(socket_.get(), ZMQ_IMMEDIATE, 1);
  set(socket_.get(), ZMQ_RECONNECT_IVL, 20);
  set(socket_.get(), ZMQ_SNDHWM, messages_max);
  set(socket_.get(), ZMQ_RCVHWM, messages_max);
  if (curve) {
    set(socket_.get(), ZMQ_CURVE_SERVERKEY, curve->server_key);
    set(socket_.get(), ZMQ_CURVE_PUBLICKEY, curve->own.public_key);
    set(socket_.get(), ZMQ_CURVE_SECRETKEY, curve->own.secret_key);
  }
  PARLEY_ASSERT(zmq_connect(socket_.get(), endpoint.c_str()) == 0);
}

bool Dealer::receive(Message& into) {
  zmq_msg_t frame;
  zmq_msg_init(&frame);
  if (zmq_msg_recv(&frame, socket_.get(), ZMQ_DONTWAIT) < 0) {
    PARLEY_ASSERT(errno == EAGAIN);
    return false;
  }
  into.route.clear();
  if (zmq_msg_more(&frame) != 0) {
    into.route = view(frame);
    PARLEY_ASSERT(zmq_msg_recv(&frame, socket_.get(), ZMQ_DONTWAIT) >= 0);
  }
  into.bytes = view(frame);
  zmq_msg_close(&frame);
  return true;
}

void Dealer::send(std::string_view route, std::string_view bytes) {
  if (!route.empty())
    PARLEY_ASSERT(
        zmq_send(socket_.get(), route.data(), route.size(), ZMQ_DONTWAIT | ZMQ_SNDMORE) >= 0);
  PARLEY_ASSERT(zmq_send(socket_.get(), bytes.data(), bytes.size(), ZMQ_DONTWAIT) >= 0);
}

bool Dealer::is_connected() const { return (events_of(socket_.get()) & ZMQ_POLLOUT) != 0; }

bool wait_readable(std::span<Dealer*> dealers, int stop_fd, Duration limit) {
  std::vector<zmq_pollitem_t> items;
  for (Dealer* dealer : dealers) items.push_back({dealer->socket_.get(), 0, ZMQ_POLLIN, 0});
  if (stop_fd >= 0) items.push_back({nullptr, stop_fd, ZMQ_POLLIN, 0});
  const int ready = zmq_poll(items.data(), static_cast<int>(items.size()), to_ms(limit));
  PARLEY_ASSERT(ready >= 0 || errno == EINTR);
  return stop_fd >= 0 && (items.back().revents & ZMQ_POLLIN) != 0;
}

}  // namespace parley::perf
