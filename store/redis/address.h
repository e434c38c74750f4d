// Where a Redis listens.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"

namespace parley {

struct UnixAddress {
  std::string path;
};
struct TcpAddress {
  std::string host;
  std::uint16_t port = 0;
};
using RedisAddress = std::variant<UnixAddress, TcpAddress>;

// unix:///absolute/path (at most 107 bytes) or redis://host:port, also redis://[::1]:port.
// config: anything else.
Result<RedisAddress> parse_redis_url(std::string_view url);

}  // namespace parley
