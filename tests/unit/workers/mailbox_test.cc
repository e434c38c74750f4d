#include "workers/mailbox.h"

#include <gmock/gmock.h>

#include <memory>
#include <thread>

namespace parley {
namespace {

using testing::ElementsAre;

TEST(Mailbox, GivesEverythingAtOnceInOrder) {
  Mailbox<int> mailbox;
  EXPECT_TRUE(mailbox.empty());
  for (const int i : {1, 2, 3}) mailbox.put(i);
  EXPECT_FALSE(mailbox.empty());
  EXPECT_THAT(mailbox.take_all(), ElementsAre(1, 2, 3));
  EXPECT_TRUE(mailbox.empty());
  EXPECT_TRUE(mailbox.take_all().empty());
}

TEST(Mailbox, DropsWhatNobodyTook) {
  const auto alive = std::make_shared<int>(1);
  {
    Mailbox<std::shared_ptr<int>> mailbox;
    mailbox.put(alive);
    EXPECT_EQ(alive.use_count(), 2);
  }
  EXPECT_EQ(alive.use_count(), 1);
}

TEST(Mailbox, LosesAndReordersNothingBetweenThreads) {
  constexpr int count = 200'000;
  Mailbox<int> mailbox;
  std::thread producer([&] {
    for (int i = 0; i < count; ++i) mailbox.put(i);
  });
  int next = 0;
  bool in_order = true;
  while (next < count) {
    mailbox.wait();
    for (const int value : mailbox.take_all()) in_order = in_order && value == next++;
  }
  producer.join();
  EXPECT_TRUE(in_order);
  EXPECT_EQ(next, count);
}

TEST(Mailbox, WakesASleeperForEachOfManySingleMessages) {
  Mailbox<int> there;
  Mailbox<int> back;
  std::thread echo([&] {
    for (int rounds = 0; rounds < 2'000;) {
      there.wait();
      for (const int value : there.take_all()) back.put(value), ++rounds;
    }
  });
  for (int i = 0; i < 2'000; ++i) {
    there.put(i);
    back.wait();
    EXPECT_THAT(back.take_all(), ElementsAre(i));
  }
  echo.join();
}

}  // namespace
}  // namespace parley
