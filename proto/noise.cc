#include "proto/noise.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "proto/bytes.h"

namespace parley::noise {
namespace {

constexpr std::string_view protocol_name = "Noise_NK_25519_ChaChaPoly_BLAKE2b";
constexpr std::size_t hash_block_bytes = 128;  // BLAKE2b's, for HMAC
constexpr std::uint64_t rekey_nonce = UINT64_MAX;
static_assert(protocol_name.size() <= hash_bytes, "longer names would be hashed");
static_assert(key_bytes == crypto_scalarmult_BYTES);
static_assert(key_bytes == crypto_aead_chacha20poly1305_ietf_KEYBYTES);
static_assert(tag_bytes == crypto_aead_chacha20poly1305_ietf_ABYTES);

using Bytes = std::span<const std::uint8_t>;

Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::uint8_t* as_bytes(char* at) { return reinterpret_cast<std::uint8_t*>(at); }

void append_bytes(std::string& out, Bytes bytes) {
  out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// One BLAKE2b-512 over several pieces.
class Blake2b {
 public:
  Blake2b() { PARLEY_ASSERT(crypto_generichash_init(&state_, nullptr, 0, hash_bytes) == 0); }
  ~Blake2b() { sodium_memzero(&state_, sizeof state_); }
  Blake2b(const Blake2b&) = delete;
  Blake2b& operator=(const Blake2b&) = delete;

  Blake2b& add(Bytes bytes) {
    PARLEY_ASSERT(crypto_generichash_update(&state_, bytes.data(), bytes.size()) == 0);
    return *this;
  }
  Secret<hash_bytes> finish() {
    Secret<hash_bytes> hash;
    PARLEY_ASSERT(crypto_generichash_final(&state_, hash.data(), hash.size()) == 0);
    return hash;
  }

 private:
  crypto_generichash_state state_;
};

// HMAC (RFC 2104). libsodium's keyed BLAKE2b is another function than the one that Noise asks for.
Secret<hash_bytes> hmac(const Secret<hash_bytes>& key, Bytes first, Bytes second = {}) {
  Secret<hash_block_bytes> inner;
  Secret<hash_block_bytes> outer;
  inner.fill(0x36);
  outer.fill(0x5c);
  for (std::size_t i = 0; i < key.size(); ++i) {
    inner[i] ^= key[i];
    outer[i] ^= key[i];
  }
  const Secret<hash_bytes> inside = Blake2b().add(inner).add(first).add(second).finish();
  return Blake2b().add(outer).add(inside).finish();
}

struct Derived {
  Secret<hash_bytes> first;
  Secret<hash_bytes> second;
};

Derived hkdf(const Secret<hash_bytes>& chaining_key, Bytes material) {
  constexpr std::array<std::uint8_t, 1> one{1};
  constexpr std::array<std::uint8_t, 1> two{2};
  const Secret<hash_bytes> extracted = hmac(chaining_key, material);
  Derived derived;
  derived.first = hmac(extracted, one);
  derived.second = hmac(extracted, derived.first, two);
  return derived;
}

Secret<key_bytes> truncated(const Secret<hash_bytes>& hash) {
  Secret<key_bytes> key;
  std::copy_n(hash.begin(), key.size(), key.begin());
  return key;
}

void mix_hash(State& state, Bytes bytes) {
  state.hash = Blake2b().add(state.hash).add(bytes).finish();
}

// MixKey(DH(secret, remote)): the key for the payload that follows. Fails on a low-order point, whose
// product is the same for every secret.
Result<Secret<key_bytes>> mix_key(State& state, const Key& secret, const Key& remote) {
  Secret<key_bytes> shared;
  if (crypto_scalarmult(shared.data(), secret.data(), remote.data()) != 0)
    return fail(Errc::bad_frame);
  const Derived derived = hkdf(state.chaining_key, shared);
  state.chaining_key = derived.first;
  return truncated(derived.second);
}

std::array<std::uint8_t, 12> nonce_bytes(std::uint64_t nonce) {
  std::array<std::uint8_t, 12> bytes{};
  std::memcpy(bytes.data() + 4, &nonce, sizeof nonce);
  return bytes;
}

void encrypt_and_hash(State& state, const Key& key, std::string_view payload, std::string& out) {
  const std::size_t start = out.size();
  const auto nonce = nonce_bytes(0);
  out.resize(start + payload.size() + tag_bytes);
  PARLEY_ASSERT(crypto_aead_chacha20poly1305_ietf_encrypt(
                    as_bytes(out.data() + start), nullptr, as_bytes(payload).data(), payload.size(),
                    state.hash.data(), state.hash.size(), nullptr, nonce.data(), key.data()) == 0);
  mix_hash(state, as_bytes(std::string_view(out).substr(start)));
}

// Requires: sealed.size() >= tag_bytes.
Result<std::string> decrypt_and_hash(State& state, const Key& key, std::string_view sealed) {
  std::string payload(sealed.size() - tag_bytes, '\0');
  const auto nonce = nonce_bytes(0);
  if (crypto_aead_chacha20poly1305_ietf_decrypt(
          as_bytes(payload.data()), nullptr, nullptr, as_bytes(sealed).data(), sealed.size(),
          state.hash.data(), state.hash.size(), nonce.data(), key.data()) != 0)
    return fail(Errc::bad_frame);
  mix_hash(state, as_bytes(sealed));
  return payload;
}

// Both messages have one shape: an ephemeral key, one Diffie-Hellman with it, a payload.
Status write_message(State& state, const Key& ephemeral_secret, const Key& remote,
                     std::string_view payload, std::string& out) {
  const Key ephemeral = public_key(ephemeral_secret);
  mix_hash(state, ephemeral);
  PARLEY_TRY(const Secret<key_bytes> key, mix_key(state, ephemeral_secret, remote));
  append_bytes(out, ephemeral);
  encrypt_and_hash(state, key, payload, out);
  return {};
}

Result<First> read_message(State& state, const Key& secret, std::string_view message) {
  if (message.size() < key_bytes + tag_bytes) return fail(Errc::bad_frame);
  First first{};
  std::copy_n(as_bytes(message).begin(), key_bytes, first.remote_ephemeral.begin());
  mix_hash(state, first.remote_ephemeral);
  PARLEY_TRY(const Secret<key_bytes> key, mix_key(state, secret, first.remote_ephemeral));
  PARLEY_TRY(first.payload, decrypt_and_hash(state, key, message.substr(key_bytes)));
  return first;
}

}  // namespace

void wipe(std::span<std::uint8_t> bytes) { sodium_memzero(bytes.data(), bytes.size()); }

void init() { PARLEY_ASSERT(sodium_init() >= 0); }

Key public_key(const Key& secret) {
  Key key{};
  PARLEY_ASSERT(crypto_scalarmult_base(key.data(), secret.data()) == 0);
  return key;
}

State begin(std::string_view prologue, const Key& responder_static) {
  State state;
  std::copy(protocol_name.begin(), protocol_name.end(), state.hash.begin());
  state.chaining_key = state.hash;
  mix_hash(state, as_bytes(prologue));
  mix_hash(state, responder_static);
  return state;
}

Status write_first(State& state, const Key& responder_static, const Key& ephemeral_secret,
                   std::string_view payload, std::string& out) {
  return write_message(state, ephemeral_secret, responder_static, payload, out);
}

Result<First> read_first(State& state, const Key& static_secret, std::string_view message) {
  return read_message(state, static_secret, message);
}

Status write_second(State& state, const Key& remote_ephemeral, const Key& ephemeral_secret,
                    std::string_view payload, std::string& out) {
  return write_message(state, ephemeral_secret, remote_ephemeral, payload, out);
}

Result<std::string> read_second(State& state, const Key& ephemeral_secret,
                                std::string_view message) {
  PARLEY_TRY(First second, read_message(state, ephemeral_secret, message));
  return std::move(second.payload);
}

TransportKeys split(const State& state) {
  const Derived derived = hkdf(state.chaining_key, {});
  return {truncated(derived.first), truncated(derived.second)};
}

void seal(const Key& key, std::uint64_t nonce, std::span<char> bytes, char* tag) {
  PARLEY_ASSERT(nonce != rekey_nonce);
  const auto n = nonce_bytes(nonce);
  PARLEY_ASSERT(crypto_aead_chacha20poly1305_ietf_encrypt_detached(
                    as_bytes(bytes.data()), as_bytes(tag), nullptr, as_bytes(bytes.data()),
                    bytes.size(), nullptr, 0, nullptr, n.data(), key.data()) == 0);
}

bool open(const Key& key, std::uint64_t nonce, std::span<char> bytes, const char* tag) {
  PARLEY_ASSERT(nonce != rekey_nonce);
  const auto n = nonce_bytes(nonce);
  return crypto_aead_chacha20poly1305_ietf_decrypt_detached(
             as_bytes(bytes.data()), nullptr, as_bytes(bytes.data()), bytes.size(),
             reinterpret_cast<const std::uint8_t*>(tag), nullptr, 0, n.data(), key.data()) == 0;
}

void rekey(Key& key) {
  const auto n = nonce_bytes(rekey_nonce);
  std::array<std::uint8_t, tag_bytes> unused{};
  Secret<key_bytes> next;
  PARLEY_ASSERT(crypto_aead_chacha20poly1305_ietf_encrypt_detached(
                    next.data(), unused.data(), nullptr, next.data(), next.size(), nullptr, 0,
                    nullptr, n.data(), key.data()) == 0);
  key = next;
}

}  // namespace parley::noise
