#include "store/names.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

using namespace std::string_view_literals;

TEST(Names, FoldOnlyAsciiLetters) {
  EXPECT_EQ(folded_name("AZaz@[`{09"), "azaz@[`{09");
  EXPECT_EQ(folded_name("ÄÖ"), "ÄÖ");
}

TEST(Names, TextIsUtf8WithoutNul) {
  for (const auto text : {""sv, "a"sv, "\x7f"sv, "é"sv, "\xe0\xa0\x80"sv, "\xef\xbf\xbf"sv, "😀"sv,
                          "\xf4\x8f\xbf\xbf"sv, "\xed\x9f\xbf"sv, "\xee\x80\x80"sv}) {
    EXPECT_TRUE(is_storable_text(text)) << text;
  }
}

TEST(Names, EverythingElseIsNot) {
  for (const auto bytes :
       {"\0"sv, "a\0"sv, "\x80"sv, "\xc2"sv, "\xc0\x80"sv, "\xc1\xbf"sv, "\xe0\x9f\xbf"sv,
        "\xed\xa0\x80"sv, "\xed\xbf\xbf"sv, "\xf0\x8f\xbf\xbf"sv, "\xf4\x90\x80\x80"sv,
        "\xf5\x80\x80\x80"sv, "\xff"sv, "ok\xe2\x82"sv, "\xe2\x28\xa1"sv}) {
    EXPECT_FALSE(is_storable_text(bytes)) << testing::PrintToString(bytes);
  }
}

}  // namespace
}  // namespace parley
