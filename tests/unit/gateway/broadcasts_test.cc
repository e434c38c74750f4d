#include "gateway/broadcasts.h"

#include <gmock/gmock.h>

#include <map>

namespace parley::test {
namespace {

struct BroadcastsTest : testing::Test {
  SessionTable table;
  Broadcasts broadcasts;
  std::map<ConnectionId, std::string> got;

  void log_in(std::uint32_t sessions) {
    for (std::uint32_t i = 0; i < sessions; ++i)
      table.bind(connection_id(1, i), {UserId{i + 1}, DeviceId{1}, Generation{1}, 1}, Instant{});
  }
  bool add(std::string_view body) { return broadcasts.add(Notice::push_message, 7, body); }
  std::size_t step() {
    std::size_t visited = 0;
    broadcasts.step(table, [&](ConnectionId id, Notice notice, std::uint64_t target,
                               std::string_view body) {
      EXPECT_EQ(notice, Notice::push_message);
      EXPECT_EQ(target, 7U);
      got[id] += body;
      ++visited;
    });
    return visited;
  }
};

TEST_F(BroadcastsTest, ReachEverySessionOnceInPieces) {
  log_in(Broadcasts::piece_places + 10);
  EXPECT_TRUE(add("a"));
  EXPECT_EQ(step(), Broadcasts::piece_places);
  EXPECT_FALSE(broadcasts.idle());
  EXPECT_EQ(step(), 10U);
  EXPECT_TRUE(broadcasts.idle());
  EXPECT_EQ(step(), 0U);
  EXPECT_EQ(got.size(), table.sessions());
  for (const auto& [id, bodies] : got) EXPECT_EQ(bodies, "a");
}

TEST_F(BroadcastsTest, FollowEachOtherInOrder) {
  log_in(3);
  add("a");
  add("b");
  step();
  EXPECT_FALSE(broadcasts.idle());
  step();
  EXPECT_TRUE(broadcasts.idle());
  for (const auto& [id, bodies] : got) EXPECT_EQ(bodies, "ab");
}

TEST_F(BroadcastsTest, OfLargeBodiesComeInSmallerPieces) {
  log_in(Broadcasts::piece_places);
  add(std::string(16'384, 'x'));
  EXPECT_EQ(step(), Broadcasts::piece_bytes / 16'384 + 1);
}

TEST_F(BroadcastsTest, BeyondTheBoundAreDropped) {
  for (std::size_t i = 0; i < Broadcasts::waiting_max; ++i) EXPECT_TRUE(add("a"));
  EXPECT_FALSE(add("a"));
  step();
  EXPECT_TRUE(add("a")) << "one has gone";
}

TEST_F(BroadcastsTest, BeyondTheBytesAreDropped) {
  const std::string half(Broadcasts::bytes_max / 2, 'x');
  EXPECT_TRUE(add(half));
  EXPECT_TRUE(add(half));
  EXPECT_FALSE(add("x"));
}

TEST_F(BroadcastsTest, SkipWhoHasLeft) {
  log_in(3);
  add("a");
  table.unbind(connection_id(1, 1));
  EXPECT_EQ(step(), 2U);
}

}  // namespace
}  // namespace parley::test
