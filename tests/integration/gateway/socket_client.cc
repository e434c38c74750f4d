#include "tests/integration/gateway/socket_client.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "tests/support/ipv4.h"

namespace parley::test {

SocketClient::SocketClient(std::uint16_t port, const Options& options)
    : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), channel_(options.server) {
  PARLEY_ASSERT(fd_ >= 0);
  if (options.receive_buffer != 0)
    setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &options.receive_buffer, sizeof(int));
  const int on = 1;
  const timeval limit{.tv_sec = 5, .tv_usec = 0};
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (options.source != 0) {
    const sockaddr_in from = ipv4(options.source, 0);
    PARLEY_ASSERT(bind(fd_, reinterpret_cast<const sockaddr*>(&from), sizeof from) == 0);
  }
  const sockaddr_in to = ipv4(INADDR_LOOPBACK, port);
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) close(release());
  const timeval none{};
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof none);
}

SocketClient::~SocketClient() {
  if (fd_ >= 0) close(fd_);
}

SocketClient& SocketClient::operator=(SocketClient&& other) noexcept {
  if (fd_ >= 0) close(fd_);
  fd_ = other.release();
  channel_ = std::move(other.channel_);
  numbers_ = other.numbers_;
  return *this;
}

int SocketClient::release() { return std::exchange(fd_, -1); }

void SocketClient::half_close() { shutdown(fd_, SHUT_WR); }

void SocketClient::reset() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(release());
}

bool SocketClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

bool SocketClient::read_some(Duration limit) {
  if (fd_ < 0) return false;
  pollfd wait{fd_, POLLIN, 0};
  if (poll(&wait, 1, static_cast<int>(to_ms(limit))) <= 0) return false;
  std::string buffer(65'536, '\0');
  const ssize_t count = recv(fd_, buffer.data(), buffer.size(), 0);
  if (count <= 0) {
    close(release());
    return false;
  }
  channel_.feed({buffer.data(), static_cast<std::size_t>(count)});
  return true;
}

std::optional<GotFrame> SocketClient::receive(Duration limit) {
  const Instant deadline = monotonic_now() + limit;
  while (channel_.waiting() == 0) {
    const Duration left = deadline - monotonic_now();
    if (left <= Duration::zero() || !read_some(left)) return std::nullopt;
  }
  return channel_.next();
}

bool SocketClient::ended(Duration limit) {
  const Instant deadline = monotonic_now() + limit;
  while (fd_ >= 0) {
    pollfd wait{fd_, POLLIN, 0};
    const Duration left = deadline - monotonic_now();
    if (left <= Duration::zero() || poll(&wait, 1, static_cast<int>(to_ms(left)) + 1) <= 0)
      return false;
    if (!take_some()) return true;
  }
  return true;
}

// Of what is there; false: the connection has ended.
bool SocketClient::take_some() {
  char bytes[4'096];
  const ssize_t count = recv(fd_, bytes, sizeof bytes, 0);
  if (count <= 0) return false;
  raw_.append(bytes, static_cast<std::size_t>(count));
  return true;
}

std::string SocketClient::received_until_end(Duration limit) {
  raw_.clear();
  ended(limit);
  return raw_;
}

bool SocketClient::shake_hands() {
  return send(channel_.hello()) && shake_hands_without_hello();
}

bool SocketClient::shake_hands_without_hello() {
  while (!channel_.open())
    if (!read_some(5s)) return false;
  return true;
}

bool SocketClient::log_in(std::uint64_t user, std::uint64_t device, unsigned device_class,
                          std::uint64_t generation) {
  if (!shake_hands()) return false;
  const auto reply = ask(Verb::login_password, std::to_string(user) + " " + std::to_string(device) +
                                                   " " + std::to_string(device_class) + " " +
                                                   std::to_string(generation));
  return reply && reply->header.kind == FrameKind::reply;
}

std::optional<GotFrame> SocketClient::ask(Verb verb, std::string_view body, std::uint64_t target) {
  return send(channel_.request(verb, ++numbers_, body, target)) ? receive() : std::nullopt;
}

}  // namespace parley::test
