#include "bus/slab_map.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/random.h"
#include "tests/unit/bus/chosen_keys.h"

namespace parley {
namespace {

struct Thing {
  std::string text;
  SlabLinks links;
};

TEST(SlabMap, AgreesWithAnOrdinaryMapInARandomHistory) {
  SlabMap<std::uint64_t, Thing> slab;
  std::map<std::uint64_t, std::string> model;
  Random random(7);
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t key = random.below(500) << 32;  // low bits alike: the hash must cope
    const SlabIndex at = slab.find(key);
    ASSERT_EQ(at != no_index, model.contains(key));
    if (at == no_index) {
      slab[slab.insert(key)].text = std::to_string(i);
      model[key] = std::to_string(i);
    } else if (random.below(2) == 0) {
      ASSERT_EQ(slab[at].text, model[key]);
      slab.erase(at);
      model.erase(key);
    }
    ASSERT_EQ(slab.size(), model.size());
  }
  std::map<std::uint64_t, std::string> seen;
  slab.for_each([&](SlabIndex at) { seen[slab.key(at)] = slab[at].text; });
  EXPECT_EQ(seen, model);
}

TEST(SlabMap, KeepsAnEntrysIndexWhileItGrowsAndReusesFreedOnes) {
  SlabMap<std::uint64_t, Thing> slab;
  const SlabIndex first = slab.insert(1);
  slab[first].text = "first";
  for (std::uint64_t key = 2; key < 1'000; ++key) slab.insert(key);
  EXPECT_EQ(slab.find(1), first);
  EXPECT_EQ(slab[first].text, "first");
  const SlabIndex freed = slab.find(500);
  slab.erase(freed);
  EXPECT_EQ(slab.insert(5'000), freed);
  EXPECT_TRUE(slab[freed].text.empty());
}

// Counts how often it is compared.
struct Counted {
  std::uint64_t value = 0;
  static inline std::size_t comparisons = 0;
  friend bool operator==(const Counted& a, const Counted& b) {
    ++comparisons;
    return a.value == b.value;
  }
};

}  // namespace
}  // namespace parley

template <>
struct std::hash<parley::Counted> {
  std::size_t operator()(const parley::Counted& key) const noexcept { return key.value; }
};

namespace parley {
namespace {

std::size_t comparisons_to_find_all(SlabMap<Counted, int> slab,
                                    const std::vector<std::uint64_t>& keys) {
  for (const std::uint64_t key : keys) slab.insert({key});
  Counted::comparisons = 0;
  for (const std::uint64_t key : keys) EXPECT_NE(slab.find({key}), no_index);
  return Counted::comparisons;
}

TEST(SlabMap, NobodyCanChooseKeysThatAreSlowToFind) {
  constexpr std::size_t count = 2'000;
  const auto keys = hashes_for_one_bucket(0, count);
  EXPECT_EQ(comparisons_to_find_all(SlabMap<Counted, int>(SeededHash<Counted>(0)), keys),
            count * (count + 1) / 2)
      << "who knows the seed can";
  EXPECT_LT(comparisons_to_find_all(SlabMap<Counted, int>(), keys), 2 * count);
}

TEST(SlabList, KeepsOrderThroughErasureAtBothEndsAndInTheMiddle) {
  SlabMap<std::uint64_t, Thing> slab;
  SlabList<&Thing::links> list;
  std::vector<SlabIndex> all;
  for (std::uint64_t key = 0; key < 5; ++key) {
    all.push_back(slab.insert(key));
    list.push_back(slab, all.back());
  }
  list.erase(slab, all[2]);
  EXPECT_EQ(list.snapshot(slab), (std::vector{all[0], all[1], all[3], all[4]}));
  list.erase(slab, all[0]);
  list.erase(slab, all[4]);
  EXPECT_EQ(list.snapshot(slab), (std::vector{all[1], all[3]}));
  list.push_back(slab, all[0]);
  EXPECT_EQ(list.snapshot(slab), (std::vector{all[1], all[3], all[0]}));
  for (const SlabIndex at : {all[1], all[3], all[0]}) list.erase(slab, at);
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.size, 0U);
}

}  // namespace
}  // namespace parley
