#include "gateway/key_file.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/config.h"
#include "proto/noise.h"

namespace parley {
namespace {

using Key = std::array<std::uint8_t, 32>;

std::string hex(const Key& bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes)
    for (const int digit : {byte >> 4, byte & 15})
      text += "0123456789abcdef"[digit];
  return text;
}

std::optional<Key> unhex(std::string_view text) {
  Key bytes{};
  if (text.size() != bytes.size() * 2) return std::nullopt;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char* at = text.data() + i * 2;
    const auto byte = std::from_chars(at, at + 2, bytes[i], 16);
    if (byte.ec != std::errc() || byte.ptr != at + 2) return std::nullopt;
  }
  return bytes;
}

struct Parsed {
  std::uint16_t id;
  Key bytes;
};

std::optional<Parsed> parse(std::string_view text, char separator) {
  const std::size_t at = text.find(separator);
  if (at == std::string_view::npos) return std::nullopt;
  Parsed parsed{};
  const auto id = std::from_chars(text.data(), text.data() + at, parsed.id);
  if (at == 0 || id.ec != std::errc() || id.ptr != text.data() + at) return std::nullopt;
  const auto bytes = unhex(text.substr(at + 1));
  if (!bytes) return std::nullopt;
  parsed.bytes = *bytes;
  return parsed;
}

}  // namespace

std::string print_key(const ServerKey& key) {
  return std::to_string(key.id) + " " + hex(key.secret_key) + "\n";
}

Result<ServerKey> parse_key(std::string_view text) {
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  auto parsed = parse(text, ' ');
  if (!parsed) return fail(Errc::config, "a key is \"<id> <64 hex digits>\"");
  if (std::ranges::count(parsed->bytes, parsed->bytes[0]) == 32)
    return fail(Errc::config, "an example is no secret: make a new key");
  ServerKey key{parsed->id, public_key_of(parsed->bytes), parsed->bytes};
  noise::wipe(parsed->bytes);
  return key;
}

Result<ServerKey> load_key_file(const std::string& path) {
  PARLEY_TRY(const std::string text, read_secret_file(path));
  auto key = parse_key(text);
  if (!key) return fail(Errc::config, path + ": " + key.error().detail);
  return key;
}

Result<ServerKey> create_key_file(const std::string& path, std::uint16_t id) {
  const ServerKey key = generate_server_key(id);
  PARLEY_CHECK(create_secret_file(path, print_key(key)));
  return key;
}

std::string pin_text(const ServerKey& key) {
  return std::to_string(key.id) + ":" + hex(key.public_key);
}

Result<PinnedKey> parse_pin(std::string_view text) {
  const auto parsed = parse(text, ':');
  if (!parsed) return fail(Errc::config, "a pinned key is \"<id>:<64 hex digits>\"");
  return PinnedKey{parsed->id, parsed->bytes};
}

}  // namespace parley
