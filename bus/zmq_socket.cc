#include "bus/zmq_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "base/random.h"
#include "bus/zap.h"
#include "proto/limits.h"

namespace parley {
namespace {

// ZMQ_ZERO_COPY_RECV: hidden in the packaged header, accepted by the library.
constexpr int zero_copy_receive = 10;
// ZMQ_ZAP_ENFORCE_DOMAIN: likewise. Without it a CURVE socket admits every key while nobody handles ZAP.
constexpr int zap_enforce_domain = 93;
// ZMTP counts a message's encrypted size: command name, nonce, flags, authenticator (RFC 26).
constexpr std::int64_t curve_overhead = 8 + 8 + 1 + 16;
constexpr std::string_view ipc_scheme = "ipc://";
// Not yet read from a monitor. More, and ZeroMQ's thread stands still until the loop has turned.
constexpr int events_max = 100'000;

class Frame {
 public:
  Frame() { zmq_msg_init(&message_); }
  ~Frame() { zmq_msg_close(&message_); }
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  bool receive(void* socket) {
    while (zmq_msg_recv(&message_, socket, ZMQ_DONTWAIT) < 0) {
      if (errno == EAGAIN) return false;
      PARLEY_ASSERT(errno == EINTR);
    }
    return true;
  }
  bool has_more() { return zmq_msg_more(&message_) != 0; }
  std::string_view view() {
    return {static_cast<const char*>(zmq_msg_data(&message_)), zmq_msg_size(&message_)};
  }
  // What the ZAP handler has said whose it is. A peer cannot say so itself: of the properties of a connection
  // ZeroMQ enters the handler's first, and the peer's own only where there is none yet.
  std::string_view user_id() {
    const char* id = zmq_msg_gets(&message_, "User-Id");
    return id == nullptr ? std::string_view() : id;
  }

 private:
  zmq_msg_t message_;
};

SendStatus send_frame(void* socket, std::string_view bytes, int flags) {
  while (zmq_send(socket, bytes.data(), bytes.size(), ZMQ_DONTWAIT | flags) < 0) {
    if (errno == EAGAIN) return SendStatus::full;
    if (errno == EHOSTUNREACH) return SendStatus::unreachable;
    PARLEY_ASSERT(errno == EINTR);
  }
  return SendStatus::sent;
}

// libzmq unlinks the file before it binds, also under a living listener.
bool somebody_listens(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return false;  // bind() will say so
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  const int result = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const bool listens = result == 0 || errno == EAGAIN || errno == EINPROGRESS;
  ::close(fd);
  return listens;
}

}  // namespace

ZmqContext::ZmqContext() : context_(zmq_ctx_new()) {
  PARLEY_ASSERT(context_ != nullptr);
  PARLEY_ASSERT(zmq_ctx_set(context_, zero_copy_receive, 0) == 0);
}

ZmqContext::~ZmqContext() {
  while (zmq_ctx_term(context_) != 0) PARLEY_ASSERT(errno == EINTR);
}

ZmqSocket::ZmqSocket(ZmqContext& context, int type)
    : socket_(zmq_socket(context.raw(), type)), is_router_(type == ZMQ_ROUTER) {
  PARLEY_ASSERT(socket_ != nullptr);
  set(ZMQ_LINGER, 0);
}

void ZmqSocket::set(int option, int value) {
  PARLEY_ASSERT(zmq_setsockopt(socket_, option, &value, sizeof value) == 0);
}

void ZmqSocket::set(int option, std::string_view value) {
  PARLEY_ASSERT(zmq_setsockopt(socket_, option, value.data(), value.size()) == 0);
}

void ZmqSocket::limit_messages(std::int64_t bytes_max) {
  PARLEY_ASSERT(zmq_setsockopt(socket_, ZMQ_MAXMSGSIZE, &bytes_max, sizeof bytes_max) == 0);
}

namespace {
struct Setting {
  int option;
  int value;
};
// Half-open TCP connections are given up after about 10 s; handshakes after 3 s.
constexpr std::array wire_settings{
    Setting{ZMQ_HANDSHAKE_IVL, 3'000},   Setting{ZMQ_TCP_KEEPALIVE, 1},
    Setting{ZMQ_TCP_KEEPALIVE_IDLE, 10}, Setting{ZMQ_TCP_KEEPALIVE_INTVL, 5},
    Setting{ZMQ_TCP_KEEPALIVE_CNT, 3},   Setting{ZMQ_TCP_MAXRT, 10'000}};
}  // namespace

ZmqSocket ZmqSocket::router(ZmqContext& context, const RouterOptions& options) {
  ZmqSocket socket(context, ZMQ_ROUTER);
  for (const auto [option, value] : wire_settings) socket.set(option, value);
  socket.set(ZMQ_SNDHWM, options.send_hwm);
  socket.set(ZMQ_RCVHWM, options.receive_hwm);
  socket.set(ZMQ_ROUTER_MANDATORY, 1);
  socket.set(ZMQ_ROUTER_HANDOVER, 1);
  socket.set(ZMQ_BACKLOG, 1'024);
  socket.limit_messages(limits::envelope_max + (options.curve ? curve_overhead : 0));
  if (options.curve) {
    socket.set(ZMQ_CURVE_SERVER, 1);
    socket.set(ZMQ_CURVE_SECRETKEY, options.curve->secret_key);
    socket.set(ZMQ_ZAP_DOMAIN, zap_domain);
    socket.set(zap_enforce_domain, 1);
    socket.knows_keys_ = true;
  }
  return socket;
}

ZmqSocket ZmqSocket::dealer(ZmqContext& context, const DealerOptions& options) {
  ZmqSocket socket(context, ZMQ_DEALER);
  for (const auto [option, value] : wire_settings) socket.set(option, value);
  socket.set(ZMQ_SNDHWM, options.send_hwm);
  socket.set(ZMQ_RCVHWM, options.receive_hwm);
  socket.set(ZMQ_IMMEDIATE, 1);
  socket.set(ZMQ_RECONNECT_IVL, 100);
  socket.set(ZMQ_RECONNECT_IVL_MAX, 1'000);
  socket.set(ZMQ_ROUTING_ID, options.identity);
  socket.limit_messages(limits::envelope_max + (options.curve ? curve_overhead : 0));
  if (options.curve) {
    socket.set(ZMQ_CURVE_SERVERKEY, options.curve->server_key);
    socket.set(ZMQ_CURVE_PUBLICKEY, options.curve->own.public_key);
    socket.set(ZMQ_CURVE_SECRETKEY, options.curve->own.secret_key);
  }
  return socket;
}

ZmqSocket ZmqSocket::zap(ZmqContext& context) {
  ZmqSocket socket(context, ZMQ_ROUTER);
  PARLEY_ASSERT(zmq_bind(socket.socket_, "inproc://zeromq.zap.01") == 0);
  return socket;
}

ZmqSocket::ZmqSocket(ZmqSocket&& other) noexcept
    : socket_(std::exchange(other.socket_, nullptr)),
      is_router_(other.is_router_),
      knows_keys_(other.knows_keys_),
      monitored_(std::exchange(other.monitored_, false)) {}

ZmqSocket& ZmqSocket::operator=(ZmqSocket&& other) noexcept {
  std::swap(socket_, other.socket_);
  std::swap(is_router_, other.is_router_);
  std::swap(knows_keys_, other.knows_keys_);
  std::swap(monitored_, other.monitored_);
  return *this;
}

ZmqSocket::~ZmqSocket() {
  if (socket_ == nullptr) return;
  if (monitored_) PARLEY_ASSERT(zmq_socket_monitor(socket_, nullptr, 0) == 0);
  zmq_close(socket_);
}

// Without it ZeroMQ takes no IPv6 address; with it peers' IPv4 addresses look like ::ffff:10.0.0.7.
void ZmqSocket::speak_ipv6_for(const std::string& endpoint) {
  if (endpoint.starts_with("tcp://[")) set(ZMQ_IPV6, 1);
}

Status ZmqSocket::bind(const std::string& endpoint, unsigned file_mode) {
  const bool is_ipc = endpoint.starts_with(ipc_scheme);
  const std::string path = is_ipc ? endpoint.substr(ipc_scheme.size()) : std::string();
  if (is_ipc && somebody_listens(path))
    return fail(Errc::io, "bind " + endpoint + ": Address already in use");
  speak_ipv6_for(endpoint);
  // The file must never be there with another mode, not even for the moment before a chmod.
  const mode_t former = umask(static_cast<mode_t>(0777U & ~file_mode));
  const int result = zmq_bind(socket_, endpoint.c_str());
  const int error = errno;
  umask(former);
  if (result != 0) return fail(Errc::io, "bind " + endpoint + ": " + zmq_strerror(error));
  return {};
}

Status ZmqSocket::connect(const std::string& endpoint) {
  speak_ipv6_for(endpoint);
  if (zmq_connect(socket_, endpoint.c_str()) == 0) return {};
  return fail(Errc::config, "connect " + endpoint + ": " + zmq_strerror(errno));
}

std::string ZmqSocket::bound_endpoint() const {
  std::array<char, 1'024> text{};
  std::size_t size = text.size();
  PARLEY_ASSERT(zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, text.data(), &size) == 0);
  return text.data();
}

ZmqSocket ZmqSocket::monitor(ZmqContext& context) {
  const std::string address = "inproc://monitor-" + std::to_string(secure_random_id());
  constexpr int events = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_DISCONNECTED |
                         ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL;
  PARLEY_ASSERT(zmq_socket_monitor(socket_, address.c_str(), events) == 0);
  monitored_ = true;
  ZmqSocket watcher(context, ZMQ_PAIR);
  watcher.set(ZMQ_RCVHWM, events_max);
  PARLEY_ASSERT(zmq_connect(watcher.socket_, address.c_str()) == 0);
  return watcher;
}

SendStatus ZmqSocket::send(std::string_view bytes) { return send_frame(socket_, bytes, 0); }

SendStatus ZmqSocket::send_to(std::string_view identity, std::string_view bytes) {
  const SendStatus status = send_frame(socket_, identity, ZMQ_SNDMORE);
  return status == SendStatus::sent ? send_frame(socket_, bytes, 0) : status;
}

bool ZmqSocket::receive(ZmqMessage& into) {
  Frame frame;
  if (!frame.receive(socket_)) return false;
  into.identity.clear();
  into.bytes.clear();
  into.key.clear();
  if (is_router_) {
    into.identity = frame.view();
    if (!frame.has_more()) return true;
    PARLEY_ASSERT(frame.receive(socket_));  // ZeroMQ delivers whole messages
  }
  const bool alone = !frame.has_more();
  // Whoever keeps them keeps no more than they are: not what the message before needed.
  if (alone) into.bytes = std::string(frame.view());
  if (knows_keys_) into.key = frame.user_id();
  while (frame.has_more()) PARLEY_ASSERT(frame.receive(socket_));
  return true;
}

bool ZmqSocket::receive_frames(std::vector<std::string>& into) {
  Frame frame;
  into.clear();
  if (!frame.receive(socket_)) return false;
  into.emplace_back(frame.view());
  while (frame.has_more()) {
    PARLEY_ASSERT(frame.receive(socket_));
    into.emplace_back(frame.view());
  }
  return true;
}

// Frames behind one that was not taken would be a message of their own.
void ZmqSocket::send_frames(const std::vector<std::string>& frames) {
  for (std::size_t i = 0; i < frames.size(); ++i)
    if (send_frame(socket_, frames[i], i + 1 < frames.size() ? ZMQ_SNDMORE : 0) != SendStatus::sent)
      return;
}

std::optional<ConnectionEvent> ZmqSocket::receive_event() {
  Frame frame;
  if (!frame.receive(socket_)) return std::nullopt;
  std::uint16_t event = 0;
  if (frame.view().size() >= sizeof event) std::memcpy(&event, frame.view().data(), sizeof event);
  while (frame.has_more()) PARLEY_ASSERT(frame.receive(socket_));
  if (event == ZMQ_EVENT_CONNECTED) return ConnectionEvent::connected;
  if (event == ZMQ_EVENT_DISCONNECTED) return ConnectionEvent::disconnected;
  if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH || event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)
    return ConnectionEvent::refused;
  return ConnectionEvent::other;
}

int ZmqSocket::descriptor() const {
  int fd = -1;
  std::size_t size = sizeof fd;
  PARLEY_ASSERT(zmq_getsockopt(socket_, ZMQ_FD, &fd, &size) == 0);
  return fd;
}

bool ZmqSocket::readable() const {
  int events = 0;
  std::size_t size = sizeof events;
  while (zmq_getsockopt(socket_, ZMQ_EVENTS, &events, &size) != 0) PARLEY_ASSERT(errno == EINTR);
  return (events & ZMQ_POLLIN) != 0;
}

void ZmqSocket::set_linger(Duration linger) { set(ZMQ_LINGER, static_cast<int>(to_ms(linger))); }

std::string fresh_identity(char letter) {
  const std::uint64_t number = secure_random_id();
  std::string identity(1, letter);
  identity.append(reinterpret_cast<const char*>(&number), sizeof number);
  return identity;
}

}  // namespace parley
