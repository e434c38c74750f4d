#include "store/redis/address.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

TEST(RedisUrl, NamesASocketOrAHostAndPort) {
  EXPECT_EQ(std::get<UnixAddress>(*parse_redis_url("unix:///run/redis.sock")).path,
            "/run/redis.sock");
  const auto tcp = std::get<TcpAddress>(*parse_redis_url("redis://cache.example:6379"));
  EXPECT_EQ(tcp.host, "cache.example");
  EXPECT_EQ(tcp.port, 6379);
  EXPECT_EQ(std::get<TcpAddress>(*parse_redis_url("redis://[::1]:1")).host, "::1");
}

TEST(RedisUrl, EverythingElseIsAConfigurationError) {
  for (const std::string& url :
       {std::string(""), std::string("/run/redis.sock"), std::string("unix://relative"),
        std::string("unix:///") + std::string(107, 'x'), std::string("redis://host"),
        std::string("redis://host:"), std::string("redis://host:0"),
        std::string("redis://host:65536"), std::string("redis://host:6379/1"),
        std::string("redis://host:63x"), std::string("redis://:1"),
        std::string("redis://user:secret@host:1"), std::string("rediss://host:1"),
        std::string("redis://ho\nst:1"), std::string("redis://h\0st:1", 15),
        std::string("unix:///a\0b", 11)}) {
    const auto parsed = parse_redis_url(url);
    ASSERT_FALSE(parsed) << url;
    EXPECT_EQ(parsed.error().code, Errc::config);
  }
}

}  // namespace
}  // namespace parley
