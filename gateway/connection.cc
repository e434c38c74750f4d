#include "gateway/connection.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <uv.h>

#include <algorithm>

#include "base/assert.h"
#include "base/failpoint.h"
#include "gateway/origin.h"

namespace parley {
namespace {

constexpr std::size_t spare_buffers_max = 64;
constexpr std::size_t spare_buffer_bytes_max = 128 << 10;
constexpr std::size_t flush_at_bytes = 64 << 10;  // a turn that has more writes in between
constexpr unsigned user_timeout_ms = 20'000;  // the kernel gives up who acknowledges nothing

// Bytes that the kernel did not take at once.
struct Remainder {
  uv_write_t uv{};
  Connection* connection = nullptr;
  std::string bytes;
  std::size_t size = 0;
};

void give_up_dead_peers(uv_tcp_t* tcp) {
  uv_os_fd_t fd = -1;
  if (uv_fileno(reinterpret_cast<uv_handle_t*>(tcp), &fd) == 0)
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof user_timeout_ms);
}

std::uint64_t peer_origin(uv_tcp_t* tcp) {
  sockaddr_storage address{};
  int length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  return uv_tcp_getpeername(tcp, generic, &length) == 0 ? origin_of(*generic) : 0;
}

}  // namespace

struct Connection::Callbacks {
  static Connection& self(void* data) { return *static_cast<Connection*>(data); }

  static void alloc(uv_handle_t* handle, std::size_t, uv_buf_t* buf) {
    auto& buffer = self(handle->data).world_.read_buffer;
    *buf = uv_buf_init(buffer.data(), static_cast<unsigned>(buffer.size()));
  }
  static void read(uv_stream_t* stream, ssize_t count, const uv_buf_t* buf) {
    if (count == 0) return;  // nothing after all
    if (count < 0) return self(stream->data).left_by_peer();
    self(stream->data).read({buf->base, static_cast<std::size_t>(count)});
  }
  static void wrote(uv_write_t* request, int status) {
    auto* remainder = static_cast<Remainder*>(request->data);
    Connection* connection = remainder->connection;
    const std::size_t size = remainder->size;
    delete remainder;
    connection->written(size, status);
  }
  static void shut_down(uv_shutdown_t* request, int) { delete request; }
  static void closed(uv_handle_t* handle) { delete static_cast<Connection*>(handle->data); }
};

uv_stream_s* Connection::stream() { return reinterpret_cast<uv_stream_s*>(tcp_.data()); }

Result<Connection*> Connection::accept(uv_stream_s* listener, ConnectionWorld& world) {
  static_assert(sizeof(uv_tcp_t) == sizeof(tcp_));
  auto* connection = new Connection(world);
  auto* tcp = reinterpret_cast<uv_tcp_t*>(connection->tcp_.data());
  PARLEY_ASSERT(uv_tcp_init(world.loop.raw(), tcp) == 0);
  tcp->data = connection;
  if (const int status = uv_accept(listener, connection->stream()); status != 0) {
    connection->closed_ = true;
    uv_close(reinterpret_cast<uv_handle_t*>(tcp), Callbacks::closed);
    return fail(Errc::io, uv_strerror(status));
  }
  uv_tcp_nodelay(tcp, 1);
  give_up_dead_peers(tcp);
  connection->origin_ = peer_origin(tcp);
  return connection;
}

void Connection::start(ConnectionId id) {
  session_.emplace(id, origin_, world_.rules, world_.counts, world_.loop.now());
  resume();
  account();
}

void Connection::refuse() {
  closed_ = true;
  // A reset, because thousands of refused connections must not stay in TIME_WAIT.
  uv_tcp_close_reset(reinterpret_cast<uv_tcp_t*>(tcp_.data()), Callbacks::closed);
}

void Connection::read(std::span<char> bytes) {
  world_.counts.bytes_in += bytes.size();
  if (session_->is_closing()) return;  // only the end of the stream is waited for
  if (failpoint(Failpoint::gw_after_read) == FailAction::fail) return reset();
  const Instant now = world_.loop.now();
  session_->receive(bytes);
  for (;;) {
    Session::Action action = session_->next(now, out());
    queued();
    if (std::holds_alternative<Session::Nothing>(action) || closed_) break;
    world_.owner.on_action(*this, action);
    if (closed_ || session_->is_closing()) break;
  }
  if (closed_) return;
  account();
  if (bytes.size() == world_.read_buffer.size() && reading_) {
    uv_read_stop(stream());
    reading_ = false;
    paused_ = true;
    world_.owner.on_paused(*this);
  }
}

void Connection::resume() {
  paused_ = false;
  adjust();
}

// Reads unless the queue is long or it is not its turn.
void Connection::adjust() {
  const bool wanted = !closed_ && !paused_ && (ending_ || backlog() <= world_.queue.soft_bytes);
  if (wanted && !reading_) uv_read_start(stream(), Callbacks::alloc, Callbacks::read);
  if (!wanted && reading_) uv_read_stop(stream());
  reading_ = wanted;
}

std::string& Connection::out() {
  auto& spare = world_.spare_buffers;
  if (out_.capacity() < sizeof(std::string) && !spare.empty()) {
    out_ = std::move(spare.back());
    spare.pop_back();
  }
  return out_;
}

void Connection::give_back_buffer() {
  auto& spare = world_.spare_buffers;
  if (out_.capacity() < sizeof(std::string)) return;
  if (spare.size() < spare_buffers_max && out_.capacity() <= spare_buffer_bytes_max)
    spare.push_back(std::move(out_));
  std::string().swap(out_);
}

void Connection::queued() {
  if (closed_) return;
  if (out_.empty()) return give_back_buffer();
  if (out_.size() >= flush_at_bytes && writing_bytes_ == 0) return flush();
  if (dirty_) return;
  dirty_ = true;
  world_.owner.on_dirty(*this);
}

bool Connection::notify(Notice notice, std::uint64_t target, std::string_view body) {
  if (backlog() > world_.queue.soft_bytes) {
    ++world_.counts.notices_dropped;
    left_out_ = true;
    return false;
  }
  ++world_.counts.notices;
  session_->notify(notice, target, body, world_.loop.now(), out());
  queued();
  return true;
}

// Nobody else knows that it lacks something, if that was the last of its conversation.
void Connection::tell_what_was_left_out() {
  if (!left_out_ || !session_->is_ready() || backlog() != 0) return;
  left_out_ = false;
  notify(Notice::c2c_catch_up, 0, {});  // within 0 ms: at once
}

void Connection::flush() {
  if (closed_) return;
  dirty_ = false;
  if (writing_bytes_ == 0) write();
  if (closed_) return;
  tell_what_was_left_out();
  account();
  const auto& limits = world_.queue;
  if (backlog() > (session_->has_logged_in() ? limits.hard_bytes : limits.hard_bytes_before_login))
    return reset();
  adjust();
  if (!ending_ || backlog() != 0) return;
  auto* request = new uv_shutdown_t;
  if (uv_shutdown(request, stream(), Callbacks::shut_down) != 0) delete request;
  ending_ = false;
}

void Connection::write() {
  if (out_.empty()) return;
  const auto buffer = uv_buf_init(out_.data(), static_cast<unsigned>(out_.size()));
  const int taken = uv_try_write(stream(), &buffer, 1);
  if (taken < 0 && taken != UV_EAGAIN) return abort();
  const auto count = static_cast<std::size_t>(std::max(taken, 0));
  world_.counts.bytes_out += count;
  if (count < out_.size()) return write_later(count);
  out_.clear();
  give_back_buffer();
}

// All that is left as one request: libuv 1.44 writes only one of its queue per wake-up.
void Connection::write_later(std::size_t already) {
  auto* rest = new Remainder{.connection = this, .bytes = std::exchange(out_, {})};
  rest->uv.data = rest;
  rest->size = rest->bytes.size() - already;
  const auto left =
      uv_buf_init(rest->bytes.data() + already, static_cast<unsigned>(rest->size));
  if (uv_write(&rest->uv, stream(), &left, 1, Callbacks::wrote) != 0) {
    delete rest;
    return abort();
  }
  writing_bytes_ = static_cast<std::uint32_t>(left.len);
  writing_since_ = world_.loop.now();
  world_.owner.on_deadline_moved(*this);
}

void Connection::written(std::size_t bytes, int status) {
  writing_bytes_ = 0;
  if (closed_) return;
  if (status != 0) return abort();
  world_.counts.bytes_out += bytes;
  flush();
}

void Connection::account() {
  const bool counts = !closed_ && !session_->has_logged_in();
  const std::size_t held = sizeof(Connection) + session_->held_bytes() + out_.capacity();
  const auto now_held = static_cast<std::uint32_t>(counts ? held + writing_bytes_ : 0);
  if (now_held == accounted_) return;
  world_.owner.on_held_changed(accounted_, now_held);
  accounted_ = now_held;
}

void Connection::end(const Session::Close& close) {
  if (closed_) return;
  if (!close.told) return abort();
  ending_ = true;
  flush();
  if (!closed_) world_.owner.on_deadline_moved(*this);
}

void Connection::left_by_peer() {
  if (!session_->is_closing()) ++world_.counts.closed[0];
  abort();
}

void Connection::abort() {
  if (std::exchange(closed_, true)) return;
  account();
  uv_close(reinterpret_cast<uv_handle_t*>(tcp_.data()), Callbacks::closed);
  world_.owner.on_closed(*this);
}

void Connection::reset() {
  if (closed_) return;
  ++world_.counts.closed[static_cast<std::size_t>(Errc::slow_consumer)];
  cut();
}

void Connection::cut() {
  if (std::exchange(closed_, true)) return;
  account();
  auto* tcp = reinterpret_cast<uv_tcp_t*>(tcp_.data());
  // Not after a shutdown; then there is nothing left to reset.
  if (uv_tcp_close_reset(tcp, Callbacks::closed) != 0)
    uv_close(reinterpret_cast<uv_handle_t*>(tcp), Callbacks::closed);
  world_.owner.on_closed(*this);
}

Instant Connection::deadline() const {
  const Instant session = session_->deadline();
  return writing_bytes_ == 0 ? session : std::min(session, writing_since_ + world_.queue.write);
}

void Connection::on_deadline(Instant now) {
  if (writing_bytes_ != 0 && now >= writing_since_ + world_.queue.write) return reset();
  Session::Action action = session_->on_deadline(now, out());
  queued();
  if (!closed_ && !std::holds_alternative<Session::Nothing>(action))
    world_.owner.on_action(*this, action);
}

}  // namespace parley
