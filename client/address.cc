#include "client/address.h"

#include <charconv>
#include <optional>

namespace parley::client {
namespace {

std::optional<std::uint16_t> parse_u16(std::string_view digits) {
  std::uint16_t value = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), value);
  if (error != std::errc{} || end != digits.end()) return std::nullopt;
  return value;
}

std::optional<std::uint8_t> parse_hex_byte(std::string_view two) {
  std::uint8_t value = 0;
  const auto [end, error] = std::from_chars(two.begin(), two.end(), value, 16);
  if (error != std::errc{} || end != two.end()) return std::nullopt;
  return value;
}

bool is_bracketed(std::string_view host) {
  return host.size() > 2 && host.front() == '[' && host.back() == ']';
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view text) {
  const auto wrong = [&](const char* what) {
    return fail(Errc::config, "gateway \"" + std::string(text) + "\": " + what);
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong("host:port is expected");
  std::string_view host = text.substr(0, colon);
  if (is_bracketed(host)) host = host.substr(1, host.size() - 2);
  else if (host.find(':') != std::string_view::npos)
    return wrong("an IPv6 address needs brackets, as in [::1]:7100");
  if (host.empty()) return wrong("the host is missing");
  if (host.find_first_of("[]") != std::string_view::npos) return wrong("brackets in the host");
  const auto port = parse_u16(text.substr(colon + 1));
  if (!port || *port == 0) return wrong("the port must be 1 … 65535");
  return Endpoint{std::string(host), *port};
}

std::string to_text(const Endpoint& endpoint) {
  const bool ipv6 = endpoint.host.find(':') != std::string::npos;
  return (ipv6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" + std::to_string(endpoint.port);
}

Result<PinnedKey> parse_pin(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos)
    return fail(Errc::config, "pin: \"<key id>:<64 hex digits>\" is expected");
  const auto id = parse_u16(text.substr(0, colon));
  if (!id) return fail(Errc::config, "pin: the key id must be 0 … 65535");
  const std::string_view hex = text.substr(colon + 1);
  PinnedKey pin{.id = *id};
  if (hex.size() != 2 * pin.key.size())
    return fail(Errc::config, "pin: the key must have 64 hex digits");
  for (std::size_t i = 0; i < pin.key.size(); ++i) {
    const auto byte = parse_hex_byte(hex.substr(2 * i, 2));
    if (!byte) return fail(Errc::config, "pin: the key must have 64 hex digits");
    pin.key[i] = *byte;
  }
  return pin;
}

}  // namespace parley::client
