// Where a gateway is to listen, and whether it can.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace parley {

struct ListenAddress {
  std::string host;  // an IP address; IPv6 without its brackets
  std::uint16_t port = 0;
};

// "127.0.0.1:7100", "[::]:7100". config: what is wrong with it.
Result<ListenAddress> parse_listen_address(std::string_view text);
std::string to_text(const ListenAddress& address);

// The address's port, or some free one if that is 0. conflict: somebody listens there; config: it is no
// address of this machine. Nothing is kept: whoever is faster gets it.
Result<std::uint16_t> free_port(const ListenAddress& address);

}  // namespace parley
