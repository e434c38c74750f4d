// Where the gateways are and which server key they must prove to hold, as a person writes it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "proto/channel.h"

namespace parley::client {

struct Endpoint {
  std::string host;  // a name or an address; IPv6 without its brackets
  std::uint16_t port = 0;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// "chat.example.org:7100", "10.0.0.7:7100", "[::1]:7100". config: what is wrong with it.
Result<Endpoint> parse_endpoint(std::string_view text);
std::string to_text(const Endpoint& endpoint);

// "<key id>:<64 hex digits>", as the server prints it. config: what is wrong with it.
Result<PinnedKey> parse_pin(std::string_view text);

}  // namespace parley::client
