#include "gateway/origin.h"

#include <arpa/inet.h>

namespace parley::test {
namespace {

std::uint64_t origin(const char* text) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    return origin_of(reinterpret_cast<const sockaddr&>(v4));
  }
  EXPECT_EQ(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
  v6.sin6_family = AF_INET6;
  return origin_of(reinterpret_cast<const sockaddr&>(v6));
}

TEST(Origin, OfIpv4IsTheAddress) {
  EXPECT_EQ(origin("10.1.2.3"), 0x1'0A01'0203U);
  EXPECT_NE(origin("10.1.2.3"), origin("10.1.2.4"));
}

TEST(Origin, OfIpv6IsTheNetwork) {
  EXPECT_EQ(origin("2001:db8:1:2:3:4:5:6"), 0x2001'0DB8'0001'0002U);
  EXPECT_EQ(origin("2001:db8:1:2::1"), origin("2001:db8:1:2:ffff::9"));
  EXPECT_NE(origin("2001:db8:1:2::1"), origin("2001:db8:1:3::1"));
}

TEST(Origin, IsTheSameForOneHostByBothProtocols) {
  EXPECT_EQ(origin("::ffff:10.1.2.3"), origin("10.1.2.3"));
  EXPECT_EQ(origin("::1"), origin("127.0.0.1"));
}

}  // namespace
}  // namespace parley::test
