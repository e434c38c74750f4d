#include "base/random.h"

#include <set>

namespace parley {
namespace {

TEST(Random, ASeedRepeats) {
  Random a(42);
  Random b(42);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(a.next(), b.next());
  EXPECT_NE(Random(1).next(), Random(2).next());
}

TEST(Random, SecureIdsAreNeverZeroAndDiffer) {
  std::set<std::uint64_t> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(secure_random_id());
  EXPECT_EQ(ids.size(), 1000U);
  EXPECT_EQ(ids.count(0), 0U);
}

TEST(Backoff, DoublesUpToItsCapAndSpreads) {
  Random random(7);
  std::set<Duration> waits;
  for (int i = 0; i < 100; ++i) {
    const Duration third = backoff(2, 100ms, 10s, random);
    EXPECT_GE(third, 200ms);
    EXPECT_LE(third, 400ms);
    waits.insert(third);
    const Duration late = backoff(60, 100ms, 10s, random);
    EXPECT_GE(late, 5s);
    EXPECT_LE(late, 10s);
  }
  EXPECT_GT(waits.size(), 90U);
}

TEST(PauseAfterRefusal, IsNoShorterThanTheHintAndSpreads) {
  Random random(7);
  std::set<Duration> waits;
  for (int i = 0; i < 100; ++i) {
    const Duration wait = pause_after_refusal(100ms, 1s, random);
    EXPECT_GE(wait, 1s);
    EXPECT_LE(wait, 1'500ms);
    waits.insert(wait);
    EXPECT_EQ(pause_after_refusal(2s, 1s, random), Duration(2s)) << "its own is longer";
  }
  EXPECT_GT(waits.size(), 90U);
}

}  // namespace
}  // namespace parley
