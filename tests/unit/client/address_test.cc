#include "client/address.h"

namespace parley::client {
namespace {

TEST(ParseEndpoint, TakesNamesNumbersAndBracketedIpv6) {
  EXPECT_EQ(parse_endpoint("chat.example.org:7100").value(), (Endpoint{"chat.example.org", 7100}));
  EXPECT_EQ(parse_endpoint("127.0.0.1:1").value(), (Endpoint{"127.0.0.1", 1}));
  EXPECT_EQ(parse_endpoint("[::1]:65535").value(), (Endpoint{"::1", 65535}));
  EXPECT_EQ(to_text({"::1", 7100}), "[::1]:7100");
  EXPECT_EQ(to_text({"127.0.0.1", 7100}), "127.0.0.1:7100");
}

TEST(ParseEndpoint, RefusesWhatIsNoHostAndPort) {
  for (const char* text : {"", ":", "host", "host:", ":7100", "host:0", "host:65536", "host:70000",
                           "host:7 ", "host:-1", "host:x", "::1:7100", "[[::1]]:7100", "[host:7"})
    EXPECT_EQ(parse_endpoint(text).error().code, Errc::config) << text;
}

TEST(ParsePin, TakesAKeyIdAndSixtyFourHexDigits) {
  const auto pin = parse_pin("7:" + std::string(62, '0') + "fF");
  ASSERT_TRUE(pin.has_value());
  EXPECT_EQ(pin->id, 7);
  EXPECT_EQ(pin->key[31], 0xFF);
  EXPECT_EQ(pin->key[0], 0);
}

TEST(ParsePin, RefusesEverythingElse) {
  for (const std::string& text :
       {std::string(), std::string(64, 'a'), "1:" + std::string(63, 'a'),
        "1:" + std::string(65, 'a'), "65536:" + std::string(64, 'a'),
        "1:" + std::string(63, 'a') + "g", ":" + std::string(64, 'a')})
    EXPECT_EQ(parse_pin(text).error().code, Errc::config) << text;
}

}  // namespace
}  // namespace parley::client
