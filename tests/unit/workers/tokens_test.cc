#include "workers/tokens.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

TEST(Tokens, AreDifferentEachTime) { EXPECT_NE(new_token(), new_token()); }

TEST(Tokens, HaveExactly32Bytes) {
  EXPECT_FALSE(token_from(""));
  EXPECT_FALSE(token_from(std::string(31, 'x')));
  EXPECT_FALSE(token_from(std::string(33, 'x')));
  const auto token = token_from(std::string(32, '\xFE'));
  ASSERT_TRUE(token);
  EXPECT_EQ(string_of(*token), std::string(32, '\xFE'));
}

TEST(Tokens, AreHashedWithBlake2b256) {
  // python3: hashlib.blake2b(bytes(32), digest_size=32).hexdigest()
  const TokenHash expected{0x89, 0xeb, 0x0d, 0x6a, 0x8a, 0x69, 0x1d, 0xae, 0x2c, 0xd1, 0x5e,
                           0xd0, 0x36, 0x99, 0x31, 0xce, 0x0a, 0x94, 0x9e, 0xca, 0xfa, 0x5c,
                           0x3f, 0x93, 0xf8, 0x12, 0x18, 0x33, 0x64, 0x6e, 0x15, 0xc3};
  EXPECT_EQ(hash_of(Token{}), expected);
}

TEST(Tokens, HaveOneSuccessorPerFamily) {
  const Token token = new_token();
  const Token key = new_token();
  EXPECT_EQ(successor_of(token, key), successor_of(token, key));
  EXPECT_NE(successor_of(token, key), successor_of(token, new_token()));
  EXPECT_NE(successor_of(token, key), successor_of(new_token(), key));
  EXPECT_NE(successor_of(token, key), hash_of(token));
}

TEST(Tokens, AreComparedWhole) {
  TokenHash a{};
  TokenHash b{};
  EXPECT_TRUE(same(a, b));
  b[31] = 1;
  EXPECT_FALSE(same(a, b));
}

}  // namespace
}  // namespace parley
