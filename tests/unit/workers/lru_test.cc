#include "workers/lru.h"

#include <gtest/gtest.h>

#include <string>

namespace parley {
namespace {

TEST(Lru, ForgetsWhatWasUsedLongestAgo) {
  Lru<int, std::string> lru(2);
  lru.put(1, "one");
  lru.put(2, "two");
  ASSERT_NE(lru.find(1), nullptr);  // now 2 is the older one
  lru.put(3, "three");
  EXPECT_EQ(lru.size(), 2u);
  EXPECT_EQ(lru.find(2), nullptr);
  EXPECT_EQ(*lru.find(1), "one");
  EXPECT_EQ(*lru.find(3), "three");
}

TEST(Lru, ReplacingMakesNoRoom) {
  Lru<int, std::string> lru(2);
  lru.put(1, "one");
  lru.put(2, "two");
  lru.put(1, "uno");
  EXPECT_EQ(*lru.find(1), "uno");
  EXPECT_EQ(*lru.find(2), "two");
}

TEST(Lru, ErasesAndFillsAgain) {
  Lru<int, std::string> lru(1);
  lru.put(1, "one");
  lru.erase(1);
  lru.erase(1);
  EXPECT_EQ(lru.size(), 0u);
  lru.put(2, "two");
  EXPECT_EQ(*lru.find(2), "two");
}

}  // namespace
}  // namespace parley
