#include "workers/password_hash.h"

#include <sodium.h>

#include <array>
#include <cerrno>

#include "workers/tokens.h"

namespace parley {
namespace {

std::size_t memory_bytes(HashCost cost) { return static_cast<std::size_t>(cost.memory_kib) * 1024; }

}  // namespace

Result<Argon2idHasher> Argon2idHasher::make(HashCost cost) {
  if (sodium_init() < 0) return fail(Errc::config, "libsodium cannot be initialised");
  Argon2idHasher hasher(cost);
  auto nobodys = hasher.hash(string_of(new_token()));
  if (!nobodys)
    return fail(Errc::config, "login.hash_*: libsodium refuses this cost, or lacks memory for it");
  hasher.nobodys_hash_ = *std::move(nobodys);
  return hasher;
}

Result<std::string> Argon2idHasher::hash(std::string_view password) const {
  std::array<char, crypto_pwhash_STRBYTES> out{};
  if (crypto_pwhash_str_alg(out.data(), password.data(), password.size(), cost_.operations,
                            memory_bytes(cost_), crypto_pwhash_ALG_ARGON2ID13) != 0)
    return fail(Errc::retry_later, "no memory to hash a password");
  return std::string(out.data());
}

Result<PasswordHasher::Verdict> Argon2idHasher::verify(const std::string& hash,
                                                       std::string_view password) const {
  // libsodium returns -1 for both a wrong password and a lack of memory; only the former sets
  // EINVAL.
  errno = 0;
  if (crypto_pwhash_str_verify(hash.c_str(), password.data(), password.size()) != 0) {
    if (errno == EINVAL) return Verdict::mismatch;
    return fail(Errc::retry_later, "no memory to verify a password");
  }
  const bool outdated =
      crypto_pwhash_str_needs_rehash(hash.c_str(), cost_.operations, memory_bytes(cost_)) != 0;
  return outdated ? Verdict::match_outdated : Verdict::match;
}

}  // namespace parley
