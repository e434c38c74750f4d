#include "gateway/origin.h"

#include <netinet/in.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace parley {
namespace {

std::uint64_t big_endian(const std::uint8_t* bytes, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = (value << 8) | bytes[i];
  return value;
}

constexpr std::uint64_t ipv4_mark = 1ULL << 32;

}  // namespace

std::uint64_t origin_of(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &address, sizeof v4);
    return ipv4_mark | ntohl(v4.sin_addr.s_addr);
  }
  if (address.sa_family != AF_INET6) return 0;
  sockaddr_in6 v6;
  std::memcpy(&v6, &address, sizeof v6);
  const std::uint8_t* bytes = v6.sin6_addr.s6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return ipv4_mark | big_endian(bytes + 12, 4);
  if (IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr)) return ipv4_mark | INADDR_LOOPBACK;
  return big_endian(bytes, 8);
}

}  // namespace parley
