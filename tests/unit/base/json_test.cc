#include "base/json.h"

namespace parley {
namespace {

std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(text, out);
  return out;
}

TEST(JsonString, KeepsOrdinaryTextAsItIs) {
  EXPECT_EQ(quoted("gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80"),
            "\"gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80\"");
}

TEST(JsonString, LetsNothingOutOfItsLine) {
  EXPECT_EQ(quoted("a\r\nb\x1B[2J\"\\\x7F"), R"("a\u000d\u000ab\u001b[2J\"\\\u007f")");
  EXPECT_EQ(quoted(std::string_view("\0", 1)), R"("\u0000")");
  EXPECT_EQ(quoted("\xC2\x85"), R"("\u0085")");
  EXPECT_EQ(quoted("\xE2\x80\xAE"), R"("\u202e")");
}

TEST(JsonString, ReplacesBytesThatAreNoText) {
  EXPECT_EQ(quoted("a\xFF\xC0\xAF"), R"("a\ufffd\ufffd\ufffd")");
}

}  // namespace
}  // namespace parley
