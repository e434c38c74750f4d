#include "base/id_map.h"

#include "base/random.h"

namespace parley::test {
namespace {

// Random work against the standard map; the seed reproduces.
TEST(IdMap, BehavesLikeAMap) {
  Random random(1);
  IdMap<std::uint32_t> map;
  std::unordered_map<std::uint64_t, std::uint32_t> model;
  for (int step = 0; step < 200'000; ++step) {
    // Few keys and shrinking phases, so that chains form, break and wrap around.
    const std::uint64_t key = random.below(step % 40'000 < 20'000 ? 3'000 : 50) + 1;
    if (random.below(3) != 0) {
      const auto value = static_cast<std::uint32_t>(random.next());
      map[key] = value;
      model[key] = value;
    } else {
      EXPECT_EQ(map.erase(key), model.erase(key) == 1);
    }
    ASSERT_EQ(map.size(), model.size());
  }
  for (std::uint64_t key = 1; key <= 3'000; ++key) {
    const auto expected = model.find(key);
    const std::uint32_t* found = map.find(key);
    ASSERT_EQ(found != nullptr, expected != model.end()) << key;
    if (found != nullptr) {
      EXPECT_EQ(*found, expected->second);
    }
  }
}

TEST(IdMap, AnEmptyOneFindsNothing) {
  IdMap<int> map;
  EXPECT_EQ(map.find(1), nullptr);
  EXPECT_FALSE(map.erase(1));
}

TEST(IdMap, ZeroIsNobody) {
  IdMap<int> map;
  map[1] = 7;
  EXPECT_EQ(map.find(0), nullptr);
  EXPECT_FALSE(map.erase(0));
  EXPECT_EQ(map.size(), 1U);
}

}  // namespace
}  // namespace parley::test
