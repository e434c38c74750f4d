#include "workers/password_hash.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

using Verdict = PasswordHasher::Verdict;

TEST(PasswordHash, KnowsItsPasswordAndNoOther) {
  const auto hasher = Argon2idHasher::make(hash_cost_min);
  const auto hash = hasher->hash("secret words");
  EXPECT_EQ(hasher->verify(*hash, "secret words"), Verdict::match);
  EXPECT_EQ(hasher->verify(*hash, "secret word"), Verdict::mismatch);
  EXPECT_EQ(hasher->verify(*hash, ""), Verdict::mismatch);
}

TEST(PasswordHash, LooksAtBytesBehindANul) {
  const auto hasher = Argon2idHasher::make(hash_cost_min);
  const auto hash = hasher->hash(std::string_view("abc\0def", 7));
  EXPECT_EQ(hasher->verify(*hash, std::string_view("abc\0def", 7)), Verdict::match);
  EXPECT_EQ(hasher->verify(*hash, std::string_view("abc\0xyz", 7)), Verdict::mismatch);
}

TEST(PasswordHash, IsSaltedArgon2id) {
  const auto hasher = Argon2idHasher::make(hash_cost_min);
  const auto once = hasher->hash("secret words");
  EXPECT_TRUE(once->starts_with("$argon2id$v=19$m=8,t=1,p=1$")) << *once;
  EXPECT_NE(*once, *hasher->hash("secret words"));
}

TEST(PasswordHash, AnotherCostMakesItOutdated) {
  const auto cheap = Argon2idHasher::make(hash_cost_min);
  const auto dearer = Argon2idHasher::make({.operations = 2, .memory_kib = 16});
  EXPECT_EQ(dearer->verify(*cheap->hash("secret words"), "secret words"), Verdict::match_outdated);
  EXPECT_EQ(dearer->verify(*cheap->hash("secret words"), "guess"), Verdict::mismatch);
}

TEST(PasswordHash, NobodysHashIsMadeAtTodaysCostAndUnguessable) {
  const auto hasher = Argon2idHasher::make({.operations = 2, .memory_kib = 16});
  EXPECT_TRUE(hasher->nobodys_hash().starts_with("$argon2id$v=19$m=16,t=2,p=1$"));
  EXPECT_EQ(hasher->verify(hasher->nobodys_hash(), ""), Verdict::mismatch);
}

TEST(PasswordHash, RefusesACostThatLibsodiumDoesNotAccept) {
  const auto hasher = Argon2idHasher::make({.operations = 1, .memory_kib = 1});
  ASSERT_FALSE(hasher);
  EXPECT_EQ(hasher.error().code, Errc::config);
}

}  // namespace
}  // namespace parley
