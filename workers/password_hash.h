// Passwords as they are stored: Argon2id in libsodium's text form. Slow by intent (100–300 ms and
// tens of MiB each), so it only runs on the hashing lane. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace parley {

struct HashCost {
  std::uint64_t operations = 2;
  std::uint64_t memory_kib = 65'536;
};

// The least that libsodium computes: for tests of everything but the hash itself.
inline constexpr HashCost hash_cost_min{.operations = 1, .memory_kib = 8};
// Below it a stolen table is cheap to guess (OWASP): allowed, but said in the log.
inline constexpr HashCost hash_cost_advised{.operations = 2, .memory_kib = 19'456};

class PasswordHasher {
 public:
  enum class Verdict {
    match,
    match_outdated,  // and the hash was made at another cost: hash the password anew
    mismatch
  };

  virtual ~PasswordHasher() = default;
  // retry_later: no memory for it now.
  virtual Result<std::string> hash(std::string_view password) const = 0;
  virtual Result<Verdict> verify(const std::string& hash, std::string_view password) const = 0;
  // The hash of a password that nobody knows, at today's cost: what an unknown user's attempt is
  // verified against, so that it takes as long as a known one's.
  virtual const std::string& nobodys_hash() const = 0;
};

class Argon2idHasher final : public PasswordHasher {
 public:
  // Computes one hash. config: libsodium does not accept the cost, or there is no memory for it.
  static Result<Argon2idHasher> make(HashCost cost);

  Result<std::string> hash(std::string_view password) const override;
  Result<Verdict> verify(const std::string& hash, std::string_view password) const override;
  const std::string& nobodys_hash() const override { return nobodys_hash_; }

 private:
  explicit Argon2idHasher(HashCost cost) : cost_(cost) {}

  HashCost cost_;
  std::string nobodys_hash_;
};

}  // namespace parley
