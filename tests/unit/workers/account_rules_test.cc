#include "workers/account_rules.h"

#include <gtest/gtest.h>

#include <string>

namespace parley {
namespace {

bool name_ok(std::string_view name) { return check_name(name).has_value(); }
bool password_ok(std::string_view password, std::string_view name = "somebody") {
  return check_password(password, name).has_value();
}

TEST(AccountRules, NamesAreWhatAPersonCanSee) {
  EXPECT_TRUE(name_ok("a"));
  EXPECT_TRUE(name_ok("Ann Müller"));
  EXPECT_TRUE(name_ok("李小龍"));
  EXPECT_TRUE(name_ok(std::string(64, 'x')));
  EXPECT_FALSE(name_ok(""));
  EXPECT_FALSE(name_ok(std::string(65, 'x')));
  EXPECT_FALSE(name_ok(std::string("a\0b", 3)));
  EXPECT_FALSE(name_ok("line\nbreak"));
  EXPECT_FALSE(name_ok("\x1b[31mred"));
  EXPECT_FALSE(name_ok("c1\xC2\x85"));
  EXPECT_FALSE(name_ok("\xFF"));
  EXPECT_FALSE(name_ok("\xC0\xAF"));
  EXPECT_FALSE(name_ok("\xED\xA0\x80"));
  EXPECT_FALSE(name_ok("ann\xE2\x80\xAE")) << "right-to-left override";
  EXPECT_FALSE(name_ok("an\xE2\x80\x8Bn")) << "zero-width space";
  EXPECT_FALSE(name_ok("an\xE2\x80\xA8n")) << "line separator";
  EXPECT_FALSE(name_ok(" ann"));
  EXPECT_FALSE(name_ok("ann "));
}

TEST(AccountRules, NicknamesMayBeEmptyAndLonger) {
  EXPECT_TRUE(check_nickname(""));
  EXPECT_TRUE(check_nickname(std::string(128, 'n')));
  EXPECT_FALSE(check_nickname(std::string(129, 'n')));
  EXPECT_FALSE(check_nickname("tab\t"));
}

TEST(AccountRules, PasswordsAreJudgedByLengthAndCommonness) {
  EXPECT_TRUE(password_ok("just some words"));
  EXPECT_TRUE(password_ok(std::string(1'024, 'x')));
  EXPECT_TRUE(password_ok("пароль-из-букв"));
  EXPECT_FALSE(password_ok("seven77"));
  EXPECT_FALSE(password_ok(std::string(1'025, 'x')));
  EXPECT_FALSE(password_ok("password"));
  EXPECT_FALSE(password_ok("PassWord1"));
  EXPECT_FALSE(password_ok("1qaz2wsx"));
}

TEST(AccountRules, PasswordsDoNotContainTheName) {
  EXPECT_FALSE(password_ok("xxAliceXX", "alice"));
  EXPECT_TRUE(password_ok("banana split", "ana")) << "by chance, in a short name";
}

}  // namespace
}  // namespace parley
