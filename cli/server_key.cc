#include "cli/server_key.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <optional>

#include "base/config.h"
#include "cli/data_directory.h"

namespace parley {
namespace {

template <typename Bytes>
std::string to_text(std::uint16_t id, char separator, const Bytes& bytes) {
  std::string text = std::to_string(id) + separator;
  for (const std::uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

template <typename Number>
bool read_number(std::string_view digits, int base, Number& into) {
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), into, base);
  return error == std::errc{} && end == digits.end() && !digits.empty();
}

std::optional<ServerKey> parse(std::string_view text) {
  ServerKey key;
  const std::size_t colon = text.find(' ');
  if (colon == std::string_view::npos || !read_number(text.substr(0, colon), 10, key.id)) return {};
  const std::string_view hex = text.substr(colon + 1);
  if (hex.size() != 2 * key.secret_key.size()) return {};
  for (std::size_t i = 0; i < key.secret_key.size(); ++i)
    if (!read_number(hex.substr(2 * i, 2), 16, key.secret_key[i])) return {};
  key.public_key = public_key_of(key.secret_key);
  return key;
}

}  // namespace

std::string pin_of(const ServerKey& key) { return to_text(key.id, ':', key.public_key); }

Result<std::string> make_server_key(const std::string& path) {
  init_crypto();
  if (!std::filesystem::exists(path)) {
    const ServerKey fresh = generate_server_key(1);
    PARLEY_CHECK(write_file(path, to_text(fresh.id, ' ', fresh.secret_key) + "\n"));
  }
  PARLEY_TRY(const std::string text, read_secret_file(path));
  const auto key = parse(text);
  if (!key) return fail(Errc::config, path + ": \"<key id> <64 hex digits>\" is expected");
  return pin_of(*key);
}

}  // namespace parley
