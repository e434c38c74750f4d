#include "gateway/listener.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <uv.h>

#include <algorithm>
#include <charconv>

#include "base/assert.h"
#include "base/log.h"

namespace parley {
namespace {

constexpr int backlog = 4'096;
// What the kernel holds of a connection that does not read, and of one that is not read: it would go up to
// 4 and 6 MB. (It doubles these for its own overhead.) Ample for 100 ms of distance at 1 MB/s.
constexpr int kernel_buffer_bytes = 128 << 10;

Result<sockaddr_storage> parse(const std::string& address) {
  const auto wrong = [&] { return fail(Errc::config, "not an address with a port: " + address); };
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return wrong();
  unsigned port = 65'536;
  const char* end = address.data() + address.size();
  const auto number = std::from_chars(address.data() + colon + 1, end, port);
  if (number.ec != std::errc() || number.ptr != end || port > 65'535) return wrong();
  std::string host = address.substr(0, colon);
  sockaddr_storage parsed{};
  const auto p = static_cast<int>(port);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    if (uv_ip6_addr(host.c_str(), p, reinterpret_cast<sockaddr_in6*>(&parsed)) != 0) return wrong();
  } else if (uv_ip4_addr(host.c_str(), p, reinterpret_cast<sockaddr_in*>(&parsed)) != 0) {
    return wrong();
  }
  return parsed;
}

// Accepted sockets inherit it.
void bound_kernel_buffers(int fd) {
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kernel_buffer_bytes, sizeof kernel_buffer_bytes);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kernel_buffer_bytes, sizeof kernel_buffer_bytes);
}

}  // namespace

struct Listener::Handle {
  Handle(Loop& l, const Options& options, std::function<void(uv_stream_s*)> f)
      : loop(l), rate(options.rate), hold(options.hold), on_connection(std::move(f)),
        later(std::make_unique<Timer>(l, [this] { let_in(); })) {}

  // Not accepting makes libuv leave the rest in the kernel until we do.
  void let_in() {
    const Instant now = loop.now();
    const Duration wait = std::max(bucket.wait(rate, now), hold());
    if (wait > Duration::zero()) return later->once(wait);
    bucket.charge(rate, now);
    on_connection(reinterpret_cast<uv_stream_s*>(&uv));
  }

  static void connected(uv_stream_t* stream, int status) {
    auto* handle = static_cast<Handle*>(stream->data);
    if (status == 0) return handle->let_in();
    log::warn("gateway.accept_failed", {{"error", uv_strerror(status)}});
  }

  uv_tcp_t uv{};
  Loop& loop;
  Rate rate;
  TokenBucket bucket;
  std::function<Duration()> hold;
  std::function<void(uv_stream_s*)> on_connection;
  std::unique_ptr<Timer> later;
};

Listener::~Listener() {
  handle_->later.reset();
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_->uv),
           [](uv_handle_t* uv) { delete static_cast<Handle*>(uv->data); });
}

Result<std::unique_ptr<Listener>> Listener::open(Loop& loop, const Options& options,
                                                 std::function<void(uv_stream_s*)> on_connection) {
  PARLEY_TRY(const sockaddr_storage address, parse(options.address));
  auto* handle = new Handle(loop, options, std::move(on_connection));
  handle->uv.data = handle;
  PARLEY_ASSERT(uv_tcp_init_ex(loop.raw(), &handle->uv, address.ss_family) == 0);
  std::unique_ptr<Listener> listener(new Listener(handle));
  uv_os_fd_t fd = -1;
  PARLEY_ASSERT(uv_fileno(reinterpret_cast<uv_handle_t*>(&handle->uv), &fd) == 0);
  bound_kernel_buffers(fd);
  const int on = 1;
  if (options.sharing == Options::Sharing::reuse_port &&
      setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
    return fail(Errc::io, "SO_REUSEPORT on " + options.address);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  int status = uv_tcp_bind(&handle->uv, generic, 0);
  if (status == 0)
    status = uv_listen(reinterpret_cast<uv_stream_t*>(&handle->uv), backlog, Handle::connected);
  if (status != 0) return fail(Errc::io, options.address + ": " + uv_strerror(status));
  return listener;
}

std::uint16_t Listener::port() const {
  sockaddr_storage address{};
  int length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  PARLEY_ASSERT(uv_tcp_getsockname(&handle_->uv, generic, &length) == 0);
  return ntohs(address.ss_family == AF_INET ? reinterpret_cast<sockaddr_in*>(&address)->sin_port
                                            : reinterpret_cast<sockaddr_in6*>(&address)->sin6_port);
}

}  // namespace parley
