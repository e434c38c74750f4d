#include "client/connection.h"

#include <netdb.h>
#include <uv.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <span>

#include "base/assert.h"
#include "base/random.h"
#include "proto/limits.h"

namespace parley::client {
namespace {

constexpr std::size_t read_buffer_bytes = 64 * 1024;
// A buffer that a burst has grown beyond this is given back.
constexpr std::size_t buffer_kept_max = 4 * 1024;

Error network_error(const char* what, int code) {
  return Error{Errc::disconnected, std::string(what) + ": " + uv_strerror(code)};
}

// libuv writes without MSG_NOSIGNAL. Whoever has a handler of their own keeps it: a handled signal ends nobody.
void ignore_sigpipe() {
  struct sigaction now {};
  if (sigaction(SIGPIPE, nullptr, &now) != 0 || (now.sa_flags & SA_SIGINFO) != 0) return;
  if (now.sa_handler == SIG_DFL) std::signal(SIGPIPE, SIG_IGN);
}

void reset_buffer(std::string& buffer) {
  if (buffer.capacity() > buffer_kept_max) buffer = std::string();
  else buffer.clear();
}

}  // namespace

// Freed by libuv's last callback: the handle's close, or a name look-up that cannot be cancelled.
struct Connection::Socket {
  Socket(Connection* connection, Network& shared) : owner(connection), network(shared) {}

  Connection* owner;  // null: it has lost interest
  Network& network;
  uv_tcp_t tcp{};
  uv_connect_t connecting{};
  uv_getaddrinfo_t looking_up{};
  uv_write_t writing{};
  std::string written;  // what uv_write holds on to
  enum class Resource : std::uint8_t { none, look_up, handle } holds = Resource::none;

  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&tcp); }

  void let_go() {
    owner = nullptr;
    if (holds == Resource::look_up) {
      uv_cancel(reinterpret_cast<uv_req_t*>(&looking_up));
    } else if (holds == Resource::handle) {
      uv_close(reinterpret_cast<uv_handle_t*>(&tcp),
               [](uv_handle_t* handle) { delete static_cast<Socket*>(handle->data); });
    } else {
      delete this;
    }
  }
};

Network::Network(Loop& loop)
    : loop_(loop), read_buffer_(read_buffer_bytes), before_block_(loop, [this] { flush(); }) {
  ignore_sigpipe();
}

Network::~Network() {
  for (const Connection* connection : dirty_) PARLEY_ASSERT(connection == nullptr);
  // A look-up that runs in libuv's pool cannot be called back; it holds on to the loop until it ends.
  while (look_ups_ > 0) uv_run(loop_.raw(), UV_RUN_ONCE);
}

void Network::flush() {
  // A flush may end its connection, whose handler may make others dirty: they go out in the same pass.
  for (std::size_t i = 0; i < dirty_.size(); ++i) {
    if (dirty_[i] != nullptr) dirty_[i]->flush();
  }
  dirty_.clear();
}

Connection::Connection(Network& network, Handler& handler) : network_(network), handler_(handler) {}

Connection::~Connection() {
  close();
  if (is_dirty_) std::ranges::replace(network_.dirty_, this, nullptr);
}

void Connection::open(const Endpoint& endpoint, const PinnedKey& server) {
  close();
  state_ = Dialing{server};
  socket_ = new Socket(this, network_);
  sockaddr_in ipv4{};
  sockaddr_in6 ipv6{};
  if (uv_ip4_addr(endpoint.host.c_str(), endpoint.port, &ipv4) == 0)
    return dial(reinterpret_cast<const sockaddr*>(&ipv4));
  if (uv_ip6_addr(endpoint.host.c_str(), endpoint.port, &ipv6) == 0)
    return dial(reinterpret_cast<const sockaddr*>(&ipv6));
  look_up(endpoint);
}

void Connection::look_up(const Endpoint& endpoint) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  socket_->looking_up.data = socket_;
  socket_->holds = Socket::Resource::look_up;
  ++network_.look_ups_;
  const auto found = [](uv_getaddrinfo_t* request, int code, addrinfo* addresses) {
    auto* socket = static_cast<Socket*>(request->data);
    socket->holds = Socket::Resource::none;
    --socket->network.look_ups_;
    if (socket->owner == nullptr) delete socket;
    else if (code == 0) socket->owner->dial_one_of(addresses);
    else socket->owner->end(network_error("looking up the gateway's name", code));
    if (addresses != nullptr) uv_freeaddrinfo(addresses);
  };
  const int code = uv_getaddrinfo(network_.loop().raw(), &socket_->looking_up, found,
                                  endpoint.host.c_str(), std::to_string(endpoint.port).c_str(),
                                  &hints);
  if (code == 0) return;
  // No call follows: the name is too long, or not a name at all.
  socket_->holds = Socket::Resource::none;
  --network_.look_ups_;
  end(network_error("looking up the gateway's name", code));
}

// Each attempt takes the next of a name's addresses: "localhost" may mean ::1 first, and nobody listens there.
void Connection::dial_one_of(const addrinfo* addresses) {
  std::size_t count = 0;
  for (const addrinfo* a = addresses; a != nullptr; a = a->ai_next) ++count;
  std::size_t skip = look_ups_done_++ % count;
  while (skip-- > 0) addresses = addresses->ai_next;
  dial(addresses->ai_addr);
}

void Connection::dial(const sockaddr* address) {
  Socket* socket = socket_;
  socket->tcp.data = socket;
  uv_tcp_init(network_.loop().raw(), &socket->tcp);
  socket->holds = Socket::Resource::handle;
  uv_tcp_nodelay(&socket->tcp, 1);
  const auto connected = [](uv_connect_t* request, int code) {
    auto* waiting = static_cast<Socket*>(request->handle->data);
    if (waiting->owner == nullptr) return;
    if (code == 0) waiting->owner->on_connected();
    else waiting->owner->end(network_error("connecting", code));
  };
  const int code = uv_tcp_connect(&socket->connecting, &socket->tcp, address, connected);
  if (code != 0) end(network_error("connecting", code));
}

void Connection::on_connected() {
  const auto* dialing = std::get_if<Dialing>(&state_);
  PARLEY_ASSERT(dialing != nullptr);
  SecretKey ephemeral;
  secure_random(ephemeral);
  auto initiator = Initiator::start(dialing->server, Transport::tcp, ephemeral);
  if (!initiator) return end(initiator.error());
  out_ += initiator->hello();
  state_ = Handshake{*std::move(initiator)};
  mark_dirty();
  uv_read_start(
      socket_->stream(),
      [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
        std::vector<char>& shared = static_cast<Socket*>(handle->data)->network.read_buffer_;
        *buffer = uv_buf_init(shared.data(), static_cast<unsigned>(shared.size()));
      },
      [](uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer) {
        Connection* owner = static_cast<Socket*>(stream->data)->owner;
        if (owner == nullptr || size == 0) return;
        if (size > 0) return owner->on_bytes(buffer->base, static_cast<std::size_t>(size));
        const char* what = std::holds_alternative<Handshake>(owner->state_)
                               ? "closed during the handshake (is the pinned key right?)"
                               : "reading";
        owner->end(network_error(what, static_cast<int>(size)));
      });
}

void Connection::on_bytes(char* bytes, std::size_t size) {
  const std::uint64_t incarnation = incarnation_;
  std::string joined;
  if (!in_.empty()) {
    joined = std::exchange(in_, std::string());
    joined.append(bytes, size);
    bytes = joined.data();
    size = joined.size();
  }
  const std::size_t used = consume(bytes, size);
  if (incarnation == incarnation_) in_.assign(bytes + used, size - used);
}

// Hands out complete records; returns how many bytes were used. Stops when a callback has ended the connection.
std::size_t Connection::consume(char* bytes, std::size_t size) {
  const std::uint64_t incarnation = incarnation_;
  std::size_t used = 0;
  while (incarnation == incarnation_) {
    if (std::holds_alternative<Handshake>(state_)) {
      const std::size_t step = consume_answer({bytes + used, size - used});
      if (step == 0) return used;
      used += step;
      continue;
    }
    const auto step = consume_record(bytes + used, size - used);
    if (!step) {
      end(step.error());
      return used;
    }
    if (*step == 0) return used;
    used += *step;
  }
  return used;
}

std::size_t Connection::consume_answer(std::string_view bytes) {
  if (bytes.size() < answer_bytes) return 0;
  auto& handshake = std::get<Handshake>(state_);
  auto channel = handshake.initiator.finish(bytes.substr(0, answer_bytes), network_.loop().now());
  if (!channel) {
    end(channel.error());
    return 0;
  }
  state_ = Open{*std::move(channel)};
  handler_.on_open();
  return answer_bytes;
}

Result<std::size_t> Connection::consume_record(char* bytes, std::size_t size) {
  PARLEY_TRY(const auto length, record_length({bytes, size}, limits::record_max));
  if (!length || size - limits::record_prefix_bytes < *length) return 0;
  const std::span<char> sealed(bytes + limits::record_prefix_bytes, *length);
  PARLEY_TRY(const auto frame, std::get<Open>(state_).channel.open(sealed));
  if (frame) handler_.on_frame(*frame);
  return limits::record_prefix_bytes + *length;
}

void Connection::send(const FrameHeader& header, std::string_view body) {
  auto* open = std::get_if<Open>(&state_);
  if (open == nullptr) return;
  open->channel.seal(header, body, out_, network_.loop().now());
  mark_dirty();
}

void Connection::write_unsealed(std::string_view bytes) {
  if (std::holds_alternative<Idle>(state_)) return;
  out_.append(bytes);
  mark_dirty();
}

void Connection::mark_dirty() {
  if (is_dirty_) return;
  is_dirty_ = true;
  network_.dirty_.push_back(this);
}

void Connection::flush() {
  is_dirty_ = false;
  // The connect or write callback flushes again.
  const bool is_dialing = std::holds_alternative<Dialing>(state_);
  if (out_.empty() || socket_ == nullptr || is_dialing || !socket_->written.empty()) {
    if (out_.size() > unsent_max) end(Error{Errc::slow_consumer, "the gateway does not read"});
    return;
  }
  uv_buf_t buffer = uv_buf_init(out_.data(), static_cast<unsigned>(out_.size()));
  const int taken = uv_try_write(socket_->stream(), &buffer, 1);
  if (taken < 0 && taken != UV_EAGAIN) return end(network_error("writing", taken));
  const auto sent = static_cast<std::size_t>(std::max(taken, 0));
  if (sent == out_.size()) return reset_buffer(out_);
  socket_->written = std::exchange(out_, std::string());
  buffer = uv_buf_init(socket_->written.data() + sent,
                       static_cast<unsigned>(socket_->written.size() - sent));
  const auto done = [](uv_write_t* request, int code) {
    auto* socket = static_cast<Socket*>(request->handle->data);
    socket->written = std::string();
    if (socket->owner == nullptr) return;
    if (code == 0) socket->owner->mark_dirty();
    else socket->owner->end(network_error("writing", code));
  };
  const int code = uv_write(&socket_->writing, socket_->stream(), &buffer, 1, done);
  if (code != 0) end(network_error("writing", code));
}

void Connection::close() {
  if (is_open()) {
    send({.kind = FrameKind::close}, {});
    uv_buf_t buffer = uv_buf_init(out_.data(), static_cast<unsigned>(out_.size()));
    // What the kernel does not take at once is lost, with the connection that it was for.
    if (socket_->written.empty()) uv_try_write(socket_->stream(), &buffer, 1);
  }
  drop_socket();
}

void Connection::drop_socket() {
  ++incarnation_;
  state_ = Idle{};
  in_ = std::string();
  out_ = std::string();
  if (socket_ != nullptr) std::exchange(socket_, nullptr)->let_go();
}

void Connection::end(const Error& why) {
  drop_socket();
  handler_.on_closed(why);
}

}  // namespace parley::client
