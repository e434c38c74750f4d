#include "bus/rendezvous.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "proto/envelope.h"

namespace parley {
namespace {

std::size_t first_choice(const std::vector<std::uint64_t>& candidates, std::uint64_t key) {
  const auto weight = [key](std::uint64_t c) { return rendezvous_weight(c, key); };
  return static_cast<std::size_t>(std::ranges::max_element(candidates, {}, weight) -
                                  candidates.begin());
}

std::vector<std::uint64_t> workers(int count) {
  std::vector<std::uint64_t> all;
  for (int i = 1; i <= count; ++i)
    all.push_back(instance_id("worker-" + std::to_string(i)).value);
  return all;
}

TEST(Rendezvous, SpreadsConsecutiveAndDirectConversationKeysEvenly) {
  const auto candidates = workers(4);
  std::array<int, 4> consecutive{};
  std::array<int, 4> direct{};
  for (std::uint64_t i = 1; i <= 10'000; ++i) {
    ++consecutive[first_choice(candidates, i)];
    ++direct[first_choice(candidates, direct_conversation(UserId{i}, UserId{i + 1}).value)];
  }
  for (const int share : consecutive) EXPECT_NEAR(share, 2'500, 200);
  for (const int share : direct) EXPECT_NEAR(share, 2'500, 200);
}

TEST(Rendezvous, MovesOnlyTheKeysOfTheOneThatGoes) {
  const auto before = workers(4);
  const auto after = workers(3);
  for (std::uint64_t key = 0; key < 1'000; ++key) {
    const std::size_t home = first_choice(before, key);
    EXPECT_TRUE(home == 3 || first_choice(after, key) == home) << key;
  }
}

}  // namespace
}  // namespace parley
