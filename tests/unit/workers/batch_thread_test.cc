#include "workers/batch_thread.h"

#include <gtest/gtest.h>

#include <numeric>
#include <semaphore>
#include <string>

#include "tests/support/eventually.h"

namespace parley::test {

struct Item {
  int number = 0;
  std::size_t bytes = 1;
};
std::size_t bytes_of(const Item& item) { return item.bytes; }

namespace {

using Thread = BatchThread<Item, std::vector<int>>;

std::vector<Item> items(int from, int count, std::size_t bytes = 1) {
  std::vector<Item> all;
  for (int i = 0; i < count; ++i) all.push_back({from + i, bytes});
  return all;
}

// A thread whose first batch waits until the test lets it go on.
struct Held : testing::Test {
  std::binary_semaphore started{0};
  std::binary_semaphore go_on{0};
  std::atomic<int> woken = 0;
  std::vector<std::vector<int>> batches;
  std::unique_ptr<Thread> thread;

  void start(Thread::Options options) {
    options.wake = [this] { ++woken; };
    thread = std::make_unique<Thread>(
        std::move(options), [this, first = true](std::vector<Item>& batch, auto& reporter) mutable {
          if (std::exchange(first, false)) {
            started.release();
            go_on.acquire();
          }
          std::vector<int> numbers;
          for (const Item& item : batch) numbers.push_back(item.number);
          reporter.emit(numbers);
        });
  }
  // Everything comes out, in batches.
  void collect(std::size_t expected) {
    std::size_t seen = 0;
    ASSERT_TRUE(eventually(5s, [&] {
      for (const auto& batch : thread->take_results()) {
        seen += batch.size();
        batches.push_back(batch);
      }
      return seen == expected;
    }));
  }
};

TEST_F(Held, WhatGathersWhileItWorksIsOneBatch) {
  start({});
  thread->submit(items(0, 1));
  started.acquire();
  for (int i = 1; i < 100; ++i) thread->submit(items(i, 1));
  go_on.release();
  collect(100);
  ASSERT_EQ(batches.size(), 2u);
  EXPECT_EQ(batches[0], std::vector{0});
  ASSERT_EQ(batches[1].size(), 99u);
  for (int i = 0; i < 99; ++i) EXPECT_EQ(batches[1][static_cast<std::size_t>(i)], i + 1);
}

TEST_F(Held, WhatIsSubmittedTogetherIsWorkedOnTogether) {
  start({});
  thread->submit(items(0, 40));
  started.acquire();
  go_on.release();
  collect(40);
  EXPECT_EQ(batches.size(), 1u);
}

TEST_F(Held, ABatchEndsAtItsLimits) {
  start({.batch_max = 10, .batch_bytes_max = 100});
  thread->submit(items(0, 1));
  started.acquire();
  thread->submit(items(1, 25));
  thread->submit(items(26, 3, 60));
  thread->submit(items(29, 1, 1'000));  // larger than the limit: alone, but not never
  go_on.release();
  collect(30);
  std::vector<int> all;
  for (const auto& batch : batches) {
    EXPECT_LE(batch.size(), 10u);
    all.insert(all.end(), batch.begin(), batch.end());
  }
  std::vector<int> in_order(30);
  std::iota(in_order.begin(), in_order.end(), 0);
  EXPECT_EQ(all, in_order);
  EXPECT_EQ(batches.back(), std::vector{29});
}

TEST_F(Held, SaysHowLongItHasBeenStuckAndWhatWaits) {
  start({});
  EXPECT_EQ(thread->busy_for(monotonic_now()), 0s);
  thread->submit(items(0, 3, 10));
  started.acquire();
  EXPECT_EQ(thread->backlog(), 3u);
  EXPECT_EQ(thread->backlog_bytes(), 30u);
  EXPECT_FALSE(thread->idle());
  EXPECT_GE(thread->busy_for(monotonic_now() + 5s), 5s);
  go_on.release();
  collect(3);
  EXPECT_TRUE(eventually(5s, [&] { return thread->idle(); }));
  EXPECT_EQ(thread->backlog_bytes(), 0u);
  EXPECT_EQ(thread->busy_for(monotonic_now() + 5s), 0s);
}

TEST_F(Held, WakesItsOwnerForEachResultAndWhenItIsIdle) {
  start({});
  go_on.release();
  thread->submit(items(0, 1));
  EXPECT_TRUE(eventually(5s, [&] { return woken >= 2; }));
}

TEST_F(Held, FinishesWhatWasSubmittedBeforeItEnds) {
  std::atomic<int> done = 0;
  {
    Thread finishing({.batch_max = 7, .wake = [] {}}, [&](std::vector<Item>& batch, auto&) {
      done += static_cast<int>(batch.size());
    });
    for (int i = 0; i < 50; ++i) finishing.submit(items(i, 2));
  }
  EXPECT_EQ(done, 100);
}

}  // namespace
}  // namespace parley::test
