// An IPv4 address as the system's calls want it; both numbers in the machine's byte order.
#pragma once

#include <netinet/in.h>

#include <cstdint>

namespace parley::test {

inline sockaddr_in ipv4(std::uint32_t host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(host);
  return address;
}

}  // namespace parley::test
