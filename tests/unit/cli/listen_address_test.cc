#include "cli/listen_address.h"

#include <gmock/gmock.h>

namespace parley {
namespace {

TEST(ListenAddress, IsReadAndWrittenForBothFamilies) {
  for (const char* text : {"127.0.0.1:7100", "[::1]:0", "[::]:65535"}) {
    const auto address = parse_listen_address(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(to_text(*address), text);
  }
}

TEST(ListenAddress, RefusesWhatIsNoAddress) {
  for (const char* text : {"", "7100", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536",
                           "127.0.0.1:-1", "::1:7100", "chat.example.org:7100", "256.0.0.1:7100",
                           "127.0.0.1:7100 "}) {
    const auto address = parse_listen_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code, Errc::config);
  }
}

}  // namespace
}  // namespace parley
