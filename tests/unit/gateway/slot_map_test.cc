#include "gateway/slot_map.h"

namespace parley::test {
namespace {

TEST(SlotMap, AnIdOfSomebodyGoneFindsNobodyElse) {
  SlotMap<int> map;
  int a = 1;
  int b = 2;
  const ConnectionId first = map.add(&a);
  map.remove(first);
  const ConnectionId second = map.add(&b);
  EXPECT_EQ(slot_of(first), slot_of(second));
  EXPECT_EQ(map.find(first), nullptr);
  EXPECT_EQ(map.find(second), &b);
  EXPECT_EQ(map.size(), 1U);
}

TEST(SlotMap, UnknownIdsFindNothing) {
  SlotMap<int> map;
  EXPECT_EQ(map.find(ConnectionId{}), nullptr);
  EXPECT_EQ(map.find(connection_id(1, 12'345)), nullptr);
}

}  // namespace
}  // namespace parley::test
