#include "store/redis/address.h"

#include <algorithm>
#include <charconv>

#include "base/utf8.h"

namespace parley {
namespace {

constexpr std::string_view unix_scheme = "unix://";
constexpr std::string_view tcp_scheme = "redis://";
constexpr std::size_t unix_path_max = 107;  // sockaddr_un

// hiredis reads it up to a NUL, and nobody can read the others in a message.
bool has_control(std::string_view text) {
  const auto control = [](char c) { return c >= 0 && is_control(static_cast<char32_t>(c)); };
  return std::ranges::any_of(text, control);
}

tl::unexpected<Error> not_valid(std::string_view url, std::string_view why) {
  return fail(Errc::config, "redis.url \"" + std::string(url) + "\": " + std::string(why));
}

}  // namespace

Result<RedisAddress> parse_redis_url(std::string_view url) {
  if (url.starts_with(unix_scheme)) {
    const std::string_view path = url.substr(unix_scheme.size());
    if (!path.starts_with('/')) return not_valid(url, "the path must be absolute");
    if (has_control(path)) return not_valid(url, "a control character in the path");
    if (path.size() > unix_path_max) return not_valid(url, "the path is longer than 107 bytes");
    return UnixAddress{std::string(path)};
  }
  if (!url.starts_with(tcp_scheme))
    return not_valid(url, "neither unix:///path nor redis://host:port");
  const std::string_view rest = url.substr(tcp_scheme.size());
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos) return not_valid(url, "no port");
  std::string_view host = rest.substr(0, colon);
  const std::string_view digits = rest.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), port);
  if (error != std::errc{} || end != digits.end() || port == 0)
    return not_valid(url, "no such port");
  if (host.empty() || host.find_first_of("/@ ") != std::string_view::npos || has_control(host)) {
    return not_valid(url, "no such host");
  }
  return TcpAddress{std::string(host), port};
}

}  // namespace parley
