#include "base/config.h"

namespace parley {
namespace {

using testing::HasSubstr;

struct Sample {
  std::string listen = "127.0.0.1:7100";
  std::uint64_t limit = 64;
  bool open = true;
  std::vector<std::string> brokers = {"ipc:///run/a", "ipc:///run/b"};
  Config config;

  Sample() {
    config.text("gateway.listen", &listen, "where clients connect");
    config.number("gateway.limit", &limit, 1, 1000, "requests in flight");
    config.flag("login.open", &open, "whether anybody may register");
    config.list("bus.brokers", &brokers, "brokers to connect to");
  }
};

std::string refusal(std::string_view toml) {
  Sample sample;
  const auto loaded = sample.config.load_text(toml, "file.toml");
  return loaded ? "accepted" : loaded.error().detail;
}

TEST(Config, ReadsEveryTypeOfKey) {
  Sample sample;
  ASSERT_TRUE(
      sample.config.load_text("[gateway]\nlisten = \"[::1]:1\"\nlimit = 7\n[login]\nopen = "
                              "false\n[bus]\nbrokers = [\"x\"]\n",
                              "f"));
  EXPECT_EQ(sample.listen, "[::1]:1");
  EXPECT_EQ(sample.limit, 7U);
  EXPECT_FALSE(sample.open);
  EXPECT_THAT(sample.brokers, testing::ElementsAre("x"));
}

TEST(Config, WhatItPrintsReadsBackAsTheSame) {
  Sample first;
  first.listen = "quote \" backslash \\ \xC3\xA9";
  first.limit = 999;
  Sample second;
  ASSERT_TRUE(second.config.load_text(first.config.print(), "printed"));
  EXPECT_EQ(second.listen, first.listen);
  EXPECT_EQ(second.limit, 999U);
  EXPECT_EQ(second.config.print(), first.config.print());
}

TEST(Config, RefusesAnUnknownKeyWithItsLineAndASuggestion) {
  EXPECT_EQ(refusal("[gateway]\n\nlimt = 3\n"),
            "file.toml:3: unknown key gateway.limt (did you mean gateway.limit?)");
  EXPECT_THAT(refusal("[nonsense_section]\nx = 3\n"), HasSubstr("file.toml:2: unknown key"));
  EXPECT_THAT(refusal("limit = 3\n"), HasSubstr("file.toml:1: unknown key limit"));
}

TEST(Config, RefusesAWrongTypeWithItsLine) {
  EXPECT_THAT(refusal("[gateway]\nlimit = \"many\"\n"),
              HasSubstr("file.toml:2: gateway.limit: expected"));
  EXPECT_THAT(refusal("[gateway]\nlisten = 5\n"), HasSubstr("expected a text"));
  EXPECT_THAT(refusal("[login]\nopen = 1\n"), HasSubstr("expected true or false"));
  EXPECT_THAT(refusal("[bus]\nbrokers = \"x\"\n"), HasSubstr("expected a list"));
  EXPECT_THAT(refusal("[bus]\nbrokers = [1]\n"), HasSubstr("expected a list"));
}

TEST(Config, RefusesWhatIsOutOfRange) {
  for (const char* value : {"0", "-1", "1001", "9223372036854775807"})
    EXPECT_THAT(refusal(std::string("[gateway]\nlimit = ") + value + "\n"),
                HasSubstr("within 1 … 1000"));
}

TEST(Config, RefusesADuplicateKeyAndBrokenSyntax) {
  EXPECT_THAT(refusal("[gateway]\nlimit = 1\nlimit = 2\n"), HasSubstr("file.toml:3"));
  EXPECT_THAT(refusal("[gateway\n"), HasSubstr("file.toml:1"));
}

// Each of them ended the process, or was undefined, inside the library that reads TOML.
TEST(Config, RefusesATableWithoutANameAndALetterWhereAKeyBegins) {
  EXPECT_THAT(refusal("[== 0\n"), HasSubstr("file.toml:1"));
  EXPECT_THAT(refusal("[gateway]\n\xCF\x93 = 1\n"), HasSubstr("file.toml:2"));
}

TEST(Config, ARefusedValueLeavesTheFormerOne) {
  Sample sample;
  ASSERT_FALSE(sample.config.load_text("[gateway]\nlimit = 0\n", "f"));
  EXPECT_EQ(sample.limit, 64U);
}

TEST(Config, TheEnvironmentOverrides) {
  Sample sample;
  const char* environment[] = {"HOME=/",
                               "PARLEY_GATEWAY_LISTEN=a:1",
                               "PARLEY_BUS_BROKERS=x,y",
                               "PARLEY_LOGIN_OPEN=false",
                               "PARLEY_GATEWAY_LIMIT=3",
                               nullptr};
  ASSERT_TRUE(sample.config.load_environment(environment));
  EXPECT_EQ(sample.listen, "a:1");
  EXPECT_THAT(sample.brokers, testing::ElementsAre("x", "y"));
  EXPECT_FALSE(sample.open);
  EXPECT_EQ(sample.limit, 3U);
}

TEST(Config, TheEnvironmentIsAsStrictAsTheFile) {
  for (const char* entry : {"PARLEY_GATEWAY_LIMIT=", "PARLEY_GATEWAY_LIMIT=0",
                            "PARLEY_GATEWAY_LIMIT=x", "PARLEY_GATEWAY_LIMT=3"}) {
    Sample sample;
    const char* environment[] = {entry, nullptr};
    EXPECT_FALSE(sample.config.load_environment(environment)) << entry;
  }
}

TEST(Config, AMissingFileIsRefusedByItsName) {
  Sample sample;
  const auto loaded = sample.config.load_file("/nonexistent/parley.toml");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Errc::config);
  EXPECT_THAT(loaded.error().detail, HasSubstr("/nonexistent/parley.toml"));
  EXPECT_FALSE(sample.config.load_file("/tmp"));  // a directory is no file
}

}  // namespace
}  // namespace parley
