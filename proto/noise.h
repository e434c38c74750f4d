// Noise_NK_25519_ChaChaPoly_BLAKE2b as in the Noise Protocol Framework, revision 34, on libsodium.
// Pure: keys and chance come in as parameters. Names follow the specification. What Parley adds to it
// (prologue, records, when to rekey) is in channel.h.
//
//   begin, write_first ──▶ begin, read_first
//          read_second ◀── write_second          then both: split
//
// Bounds: a payload is at most 65,535 bytes less the overhead of its message. Failures: bad_frame with
// an empty detail, the same for every cause, after which the State is not to be used again.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace parley::noise {

inline constexpr std::size_t key_bytes = 32;
inline constexpr std::size_t hash_bytes = 64;
inline constexpr std::size_t tag_bytes = 16;

using Key = std::array<std::uint8_t, key_bytes>;
using Hash = std::array<std::uint8_t, hash_bytes>;

// Overwrites in a way that the compiler does not remove.
void wipe(std::span<std::uint8_t> bytes);

// An array that is wiped when its life ends, and so is every copy of it.
template <std::size_t n>
struct Secret : std::array<std::uint8_t, n> {
  Secret() : std::array<std::uint8_t, n>{} {}
  explicit Secret(const std::array<std::uint8_t, n>& bytes) : std::array<std::uint8_t, n>(bytes) {}
  Secret(const Secret&) = default;
  Secret& operator=(const Secret&) = default;
  ~Secret() { wipe(*this); }
};

// Requires of everything below: init() was called. Aborts if libsodium cannot start.
void init();
Key public_key(const Key& secret);

// What a side remembers of the handshake: the specification's SymmetricState without its cipher, whose
// key is replaced before each use.
struct State {
  Secret<hash_bytes> chaining_key;
  Secret<hash_bytes> hash;  // after the second message: the handshake hash
};

// InitializeSymmetric, the prologue, and the pre-message: the responder's static key.
State begin(std::string_view prologue, const Key& responder_static);

// Initiator, message 1 (e, es): appends ephemeral public key and sealed payload to `out`.
Status write_first(State& state, const Key& responder_static, const Key& ephemeral_secret,
                   std::string_view payload, std::string& out);

struct First {
  Key remote_ephemeral;
  std::string payload;
};
// Responder, message 1.
Result<First> read_first(State& state, const Key& static_secret, std::string_view message);

// Responder, message 2 (e, ee): appends ephemeral public key and sealed payload to `out`.
Status write_second(State& state, const Key& remote_ephemeral, const Key& ephemeral_secret,
                    std::string_view payload, std::string& out);

// Initiator, message 2: its payload.
Result<std::string> read_second(State& state, const Key& ephemeral_secret,
                                std::string_view message);

struct TransportKeys {
  Secret<key_bytes> to_responder;
  Secret<key_bytes> to_initiator;
};
TransportKeys split(const State& state);

// ENCRYPT and DECRYPT of the transport phase (no associated data), in place: `tag` is where the 16 bytes
// go, or come from. Opening is false if anything was changed; the bytes are then not to be read.
// Requires: a nonce is used once with a key and is below 2^64 - 1, which is REKEY's.
void seal(const Key& key, std::uint64_t nonce, std::span<char> bytes, char* tag);
[[nodiscard]] bool open(const Key& key, std::uint64_t nonce, std::span<char> bytes,
                        const char* tag);
// REKEY: replaces the key by the next one.
void rekey(Key& key);

}  // namespace parley::noise
