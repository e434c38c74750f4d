#include "tests/support/stream_socket.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/assert.h"

namespace parley::test {
namespace {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Address parse(const StreamAddress& text) {
  Address address;
  if (text.starts_with('/')) {
    auto* unix_address = reinterpret_cast<sockaddr_un*>(&address.storage);
    PARLEY_ASSERT(text.size() < sizeof unix_address->sun_path);
    unix_address->sun_family = AF_UNIX;
    std::memcpy(unix_address->sun_path, text.c_str(), text.size() + 1);
    address.size = sizeof *unix_address;
    return address;
  }
  auto* tcp_address = reinterpret_cast<sockaddr_in*>(&address.storage);
  const std::size_t colon = text.rfind(':');
  PARLEY_ASSERT(colon != std::string::npos);
  std::uint16_t port = 0;
  std::from_chars(text.data() + colon + 1, text.data() + text.size(), port);
  tcp_address->sin_family = AF_INET;
  tcp_address->sin_port = htons(port);
  PARLEY_ASSERT(inet_pton(AF_INET, text.substr(0, colon).c_str(), &tcp_address->sin_addr) == 1);
  address.size = sizeof *tcp_address;
  return address;
}

StreamSocket open_socket(const Address& address) {
  const int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  PARLEY_ASSERT(fd >= 0);
  return StreamSocket(fd);
}

// Fails on a unix socket, which has no such thing.
void send_at_once(const StreamSocket& socket) {
  const int on = 1;
  setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

StreamSocket& StreamSocket::operator=(StreamSocket&& other) noexcept {
  close();
  fd_ = std::exchange(other.fd_, -1);
  return *this;
}

void StreamSocket::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void StreamSocket::reset() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

StreamSocket listen_at(const StreamAddress& text) {
  const Address address = parse(text);
  StreamSocket listener = open_socket(address);
  if (text.starts_with('/')) unlink(text.c_str());
  if (bind(listener.fd(), address.raw(), address.size) != 0 || listen(listener.fd(), 128) != 0) {
    std::fprintf(stderr, "cannot listen at %s: %s\n", text.c_str(), std::strerror(errno));
    std::abort();
  }
  return listener;
}

StreamAddress address_of(const StreamSocket& listener, const StreamAddress& address) {
  if (address.starts_with('/')) return address;
  sockaddr_in bound{};
  socklen_t size = sizeof bound;
  PARLEY_ASSERT(getsockname(listener.fd(), reinterpret_cast<sockaddr*>(&bound), &size) == 0);
  return address.substr(0, address.rfind(':') + 1) + std::to_string(ntohs(bound.sin_port));
}

StreamSocket accept_from(const StreamSocket& listener) {
  StreamSocket accepted(
      accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (accepted.is_open()) send_at_once(accepted);
  return accepted;
}

Connect start_connect(StreamSocket& socket, const StreamAddress& text) {
  const Address address = parse(text);
  socket = open_socket(address);
  send_at_once(socket);
  if (connect(socket.fd(), address.raw(), address.size) == 0) return Connect::done;
  if (errno == EINPROGRESS) return Connect::going_on;
  const bool is_full = errno == EAGAIN;
  socket.close();
  return is_full ? Connect::later : Connect::failed;
}

Connect finish_connect(const StreamSocket& socket) {
  int error = 0;
  socklen_t size = sizeof error;
  PARLEY_ASSERT(getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size) == 0);
  if (error != 0) return Connect::failed;
  sockaddr_storage peer;
  size = sizeof peer;
  const bool is_there = getpeername(socket.fd(), reinterpret_cast<sockaddr*>(&peer), &size) == 0;
  return is_there ? Connect::done : Connect::going_on;
}

}  // namespace parley::test
