#include "cli/listen_address.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <utility>

namespace parley {
namespace {

using AddressInfo = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

AddressInfo numeric(const ListenAddress& address) {
  addrinfo wanted{};
  wanted.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &wanted, &found) != 0)
    found = nullptr;
  return {found, &freeaddrinfo};
}

// The port that the socket has then.
Result<std::uint16_t> bind_to(int fd, const addrinfo& where, const std::string& text) {
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, where.ai_addr, where.ai_addrlen) < 0) {
    if (errno == EADDRINUSE) return fail(Errc::conflict, text + " is in use by another program");
    return fail(Errc::config, "cannot listen at " + text + ": " + std::strerror(errno));
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size);
  // The port is at the same place in IPv4's and IPv6's address.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&bound)->sin_port);
}

}  // namespace

Result<ListenAddress> parse_listen_address(std::string_view text) {
  const auto wrong = [&](const char* what) {
    return fail(Errc::config, "\"" + std::string(text) + "\": " + what);
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong("address:port is expected");
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (!bracketed && host.find(':') != std::string_view::npos)
    return wrong("IPv6 needs brackets: [::1]:7100");
  if (bracketed) host = host.substr(1, host.size() - 2);
  ListenAddress address{std::string(host), 0};
  const std::string_view digits = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), address.port);
  if (error != std::errc{} || end != digits.end()) return wrong("the port must be 0 … 65535");
  if (!numeric(address)) return wrong("an IP address is expected, as in 0.0.0.0:7100");
  return address;
}

std::string to_text(const ListenAddress& address) {
  const bool ipv6 = address.host.find(':') != std::string::npos;
  return (ipv6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

Result<HeldPort> HeldPort::take(const ListenAddress& address) {
  const AddressInfo where = numeric(address);
  if (!where) return fail(Errc::config, to_text(address) + " is no address");
  const int fd = socket(where->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(Errc::io, std::string("socket: ") + std::strerror(errno));
  HeldPort held(fd, 0);
  PARLEY_TRY(held.number_, bind_to(fd, *where, to_text(address)));
  return held;
}

HeldPort::HeldPort(HeldPort&& from) noexcept
    : fd_(std::exchange(from.fd_, -1)), number_(from.number_) {}

HeldPort& HeldPort::operator=(HeldPort&& from) noexcept {
  HeldPort taken(std::move(from));
  std::swap(fd_, taken.fd_);
  std::swap(number_, taken.number_);
  return *this;
}

HeldPort::~HeldPort() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace parley
