// Access and device tokens: 32 random bytes that a client keeps; the database keeps their
// BLAKE2b-256 hashes only. Wraps libsodium.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/limits.h"
#include "store/user_store.h"

namespace parley {

using Token = std::array<std::uint8_t, limits::token_bytes>;

// From the kernel's chance.
Token new_token();
// A token as it came over the wire; nothing if it has another length.
std::optional<Token> token_from(std::string_view bytes);
std::string string_of(const Token& token);

TokenHash hash_of(const Token& token);
// What replaces a device token: a function of the token and its family's secret key, so that
// whoever asks twice with the same token is given the same successor, though we never store either.
Token successor_of(const Token& token, const Token& rotation_key);
// In constant time.
bool same(const TokenHash& a, const TokenHash& b);

}  // namespace parley
