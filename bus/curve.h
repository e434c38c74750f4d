// Keys of the encrypted bus (CURVE). A key is 32 bytes, written in Z85 (ZeroMQ RFC 32): 40 printable
// characters without spaces, quotes or commas. A peer has a pair; its public half is its name to others.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace parley {

inline constexpr std::size_t curve_key_bytes = 32;
inline constexpr std::size_t curve_key_chars = 40;

struct CurveKeyPair {
  std::string public_key;
  std::string secret_key;
  friend bool operator==(const CurveKeyPair&, const CurveKeyPair&) = default;
};

// What a peer needs to reach an encrypted broker: whom it expects there, and who it is itself.
struct CurveClient {
  std::string server_key;  // the broker's public key
  CurveKeyPair own;
  friend bool operator==(const CurveClient&, const CurveClient&) = default;
};

// A new pair. The public half never begins with '-': command lines would take it for an option.
CurveKeyPair make_curve_key_pair();

// Whether it can be a public key: 40 characters that are Z85.
bool is_curve_key(std::string_view text);
// Requires: curve_key_bytes.
std::string to_z85(std::string_view key_bytes);
// The first 8 characters of a public key: enough to tell keys apart in logs.
std::string_view fingerprint(std::string_view public_key);

// -- a pair's file: one line, "<public> <secret>", mode 0600.

std::string print_key_pair(const CurveKeyPair& pair);
// config: not of that form, the halves do not belong together, or the pair is one from ZeroMQ's manual.
// The message never contains the text.
Result<CurveKeyPair> parse_key_pair(std::string_view text);
// config: see read_secret_file, parse_key_pair.
Result<CurveKeyPair> load_key_pair(const std::string& path);
// A new pair in a new file. conflict: there is a file already. io.
Result<CurveKeyPair> create_key_pair(const std::string& path);

}  // namespace parley
