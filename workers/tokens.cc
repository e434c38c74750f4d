#include "workers/tokens.h"

#include <sodium.h>

#include <algorithm>

#include "base/assert.h"
#include "base/random.h"

namespace parley {
namespace {

std::array<std::uint8_t, 32> blake2b(const Token& token, const std::uint8_t* key,
                                     std::size_t key_bytes) {
  std::array<std::uint8_t, 32> out{};
  PARLEY_ASSERT(
      crypto_generichash(out.data(), out.size(), token.data(), token.size(), key, key_bytes) == 0);
  return out;
}

}  // namespace

Token new_token() {
  Token token;
  secure_random(token);
  return token;
}

std::optional<Token> token_from(std::string_view bytes) {
  Token token;
  if (bytes.size() != token.size()) return std::nullopt;
  std::ranges::copy(bytes, token.begin());
  return token;
}

std::string string_of(const Token& token) { return {token.begin(), token.end()}; }

TokenHash hash_of(const Token& token) { return blake2b(token, nullptr, 0); }

Token successor_of(const Token& token, const Token& rotation_key) {
  return blake2b(token, rotation_key.data(), rotation_key.size());
}

bool same(const TokenHash& a, const TokenHash& b) {
  return sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace parley
