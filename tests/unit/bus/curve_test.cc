#include "bus/curve.h"

#include <gmock/gmock.h>

namespace parley::test {
namespace {

// The pair of ZeroMQ's manual; nobody may use it.
constexpr std::string_view manual_public = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";
constexpr std::string_view manual_secret = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs";

TEST(CurveKeys, APairThatIsPrintedIsReadAgain) {
  const CurveKeyPair pair = make_curve_key_pair();
  const auto read = parse_key_pair(print_key_pair(pair));
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(*read, pair);
  EXPECT_TRUE(is_curve_key(pair.public_key));
  EXPECT_EQ(fingerprint(pair.public_key), pair.public_key.substr(0, 8));
  EXPECT_NE(make_curve_key_pair(), pair);
}

// One of 85 would begin so; command lines would take it for an option.
TEST(CurveKeys, APublicKeyDoesNotBeginWithADash) {
  for (int i = 0; i < 1500; ++i) ASSERT_NE(make_curve_key_pair().public_key.front(), '-');
}

TEST(CurveKeys, WhatIsNotZ85IsNoKey) {
  EXPECT_TRUE(is_curve_key(manual_public));
  EXPECT_FALSE(is_curve_key(""));
  EXPECT_FALSE(is_curve_key(manual_public.substr(1)));
  for (const char c : {' ', '"', '\'', ',', '\\', ';', '_', '~', '|', '\0', '\x80'}) {
    std::string text(manual_public);
    text.back() = c;
    EXPECT_FALSE(is_curve_key(text)) << static_cast<int>(c);
    text = manual_public;
    text.push_back(c);
    EXPECT_FALSE(is_curve_key(text)) << "41 characters";
  }
  EXPECT_FALSE(is_curve_key(std::string(40, '#'))) << "five of them are more than 32 bits";
}

TEST(CurveKeys, APairWithAFlawIsRefusedAndNotShown) {
  const CurveKeyPair pair = make_curve_key_pair();
  const CurveKeyPair other = make_curve_key_pair();
  for (const std::string& text :
       {std::string(), pair.public_key, pair.public_key + " ", pair.public_key + pair.secret_key,
        pair.public_key + "  " + pair.secret_key, pair.public_key + " " + pair.secret_key + " x",
        pair.secret_key + " " + pair.public_key, other.public_key + " " + pair.secret_key}) {
    const auto read = parse_key_pair(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, Errc::config);
    EXPECT_THAT(read.error().detail, testing::Not(testing::HasSubstr(pair.secret_key)));
  }
}

TEST(CurveKeys, TheManualsSecretIsNoSecret) {
  EXPECT_FALSE(parse_key_pair(
      print_key_pair({std::string(manual_public), std::string(manual_secret)})));
}

}  // namespace
}  // namespace parley::test
