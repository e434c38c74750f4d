// A server's static key on disk, one line: "<id> <64 hex digits of the secret>", mode 0600. And how the
// public half is told to clients: "<id>:<64 hex digits>".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "proto/channel.h"

namespace parley {

// Requires of everything that makes a ServerKey: init_crypto() was called.
std::string print_key(const ServerKey& key);
// config: not of that form, or a secret that nobody would have drawn (all bytes equal).
Result<ServerKey> parse_key(std::string_view text);
// config: see read_secret_file, parse_key.
Result<ServerKey> load_key_file(const std::string& path);
// A new key in a new file. conflict: there is a file already. io: it cannot be written.
Result<ServerKey> create_key_file(const std::string& path, std::uint16_t id);

std::string pin_text(const ServerKey& key);
// config: not of that form.
Result<PinnedKey> parse_pin(std::string_view text);

}  // namespace parley
