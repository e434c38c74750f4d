#include "perf/socket_loop.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/assert.h"

namespace parley::perf {
namespace {

Result<sockaddr_in> to_address(const std::string& host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1)
    return parley::fail(Errc::io, "no IPv4 address: " + host);
  return address;
}

tl::unexpected<Error> errno_error(int fd, const char* what) {
  const int reason = errno;
  if (fd >= 0) ::close(fd);
  return parley::fail(Errc::io, std::string(what) + ": " + std::strerror(reason));
}

// Lets a bound source address share its ports between destinations.
Status bind_to(int fd, const std::string& from) {
  PARLEY_TRY(const sockaddr_in local, to_address(from, 0));
  const int on = 1;
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&local), sizeof local) != 0)
    return parley::fail(Errc::io, "bind to " + from + ": " + std::strerror(errno));
  return {};
}

}  // namespace

Peer::~Peer() {
  if (fd_ >= 0) ::close(fd_);
}

SocketLoop::SocketLoop() : buffer_(std::make_unique<char[]>(read_bytes)) {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  PARLEY_ASSERT(epoll_ >= 0);
}

SocketLoop::~SocketLoop() { ::close(epoll_); }

Status SocketLoop::connect(Peer& peer, const SocketAddress& address) {
  PARLEY_TRY(const sockaddr_in remote, to_address(address.host, address.port));
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno_error(fd, "socket");
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (!address.from.empty()) {
    if (auto bound = bind_to(fd, address.from); !bound) {
      ::close(fd);
      return bound;
    }
  }
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&remote), sizeof remote) != 0 &&
      errno != EINPROGRESS)
    return errno_error(fd, "connect");
  peer.fd_ = fd;
  peer.connecting_ = true;
  watch(peer, EPOLLOUT, EPOLL_CTL_ADD);
  ++open_;
  return {};
}

void SocketLoop::watch(Peer& peer, std::uint32_t events, int operation) {
  epoll_event event{.events = events, .data = {.ptr = &peer}};
  PARLEY_ASSERT(epoll_ctl(epoll_, operation, peer.fd_, &event) == 0);
}

void SocketLoop::close(Peer& peer) {
  if (peer.fd_ < 0) return;
  ::close(peer.fd_);
  peer.fd_ = -1;
  std::erase(dirty_, &peer);
  peer.dirty_ = false;
  --open_;
}

void SocketLoop::fail(Peer& peer, const std::string& why) {
  close(peer);
  peer.on_closed(why);
}

void SocketLoop::write_later(Peer& peer) {
  if (std::exchange(peer.dirty_, true)) return;
  dirty_.push_back(&peer);
}

void SocketLoop::turn(Duration limit) {
  epoll_event events[512];
  const auto ns = std::max<std::int64_t>(limit.count(), 0);
  const timespec wait{.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
  const int count = epoll_pwait2(epoll_, events, std::size(events), &wait, nullptr);
  const Instant now = monotonic_now();
  for (int i = 0; i < count; ++i)
    on_event(*static_cast<Peer*>(events[i].data.ptr), events[i].events, now);
  std::vector<Peer*> dirty;
  dirty.swap(dirty_);
  for (Peer* peer : dirty) {
    peer->dirty_ = false;
    if (!peer->blocked_ && !peer->connecting_) flush(*peer);
  }
}

void SocketLoop::on_event(Peer& peer, std::uint32_t events, Instant now) {
  if (peer.fd_ < 0) return;  // closed by an earlier event of this turn
  if (peer.connecting_) return finish_connect(peer, now);
  if (events & EPOLLOUT) {
    peer.blocked_ = false;
    watch(peer, EPOLLIN, EPOLL_CTL_MOD);
    write_later(peer);
  }
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read(peer, now);
}

void SocketLoop::finish_connect(Peer& peer, Instant now) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(peer.fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return fail(peer, std::string("connect: ") + std::strerror(error));
  peer.connecting_ = false;
  watch(peer, EPOLLIN, EPOLL_CTL_MOD);
  peer.on_open(now);
  write_later(peer);
}

// One read per turn and connection: what did not fit comes with the next turn, after everybody's
// share.
void SocketLoop::read(Peer& peer, Instant now) {
  const std::size_t kept = peer.unread_.size();
  PARLEY_ASSERT(kept < read_bytes);
  std::memcpy(buffer_.get(), peer.unread_.data(), kept);
  const ssize_t got = recv(peer.fd_, buffer_.get() + kept, read_bytes - kept, 0);
  if (got == 0) return fail(peer, "the other side closed");
  if (got < 0) {
    if (errno == EAGAIN || errno == EINTR) return;
    return fail(peer, std::strerror(errno));
  }
  const std::size_t there = kept + static_cast<std::size_t>(got);
  const std::size_t used = peer.on_bytes({buffer_.get(), there}, now);
  if (peer.fd_ >= 0) peer.unread_.assign(buffer_.get() + used, there - used);
}

void SocketLoop::flush(Peer& peer) {
  if (peer.fd_ < 0 || peer.out_.empty()) return;
  const ssize_t sent = send(peer.fd_, peer.out_.data(), peer.out_.size(), MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) return fail(peer, std::strerror(errno));
  if (sent > 0) peer.out_.erase(0, static_cast<std::size_t>(sent));
  if (peer.out_.empty()) return;
  peer.blocked_ = true;
  watch(peer, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
}

}  // namespace parley::perf
