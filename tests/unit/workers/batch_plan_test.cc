#include "workers/batch_plan.h"

#include <gmock/gmock.h>

#include <map>

#include "base/random.h"

namespace parley {
namespace {

using testing::ElementsAre;

Job job(std::uint16_t verb, std::uint64_t key) {
  Job job;
  job.request.header.verb = verb;
  job.request.header.key = key;
  return job;
}

TEST(BatchPlan, OneVerbIsOneGroupInOrderOfArrival) {
  const auto groups = plan_batch(std::vector{job(1, 7), job(1, 8), job(1, 7)});
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_THAT(groups[0].members, ElementsAre(0, 1, 2));
}

TEST(BatchPlan, VerbsOfDifferentKeysAreGatheredAcrossEachOther) {
  const auto groups = plan_batch(std::vector{job(1, 1), job(2, 2), job(1, 3), job(2, 4)});
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_THAT(groups[0].members, ElementsAre(0, 2));
  EXPECT_THAT(groups[1].members, ElementsAre(1, 3));
}

TEST(BatchPlan, WhatFollowsAnotherVerbOfItsKeyStaysBehindIt) {
  // send, receipt, send of one conversation: the second send must not overtake the receipt.
  const auto groups = plan_batch(std::vector{job(1, 5), job(2, 5), job(1, 5), job(1, 6)});
  ASSERT_EQ(groups.size(), 3u);
  EXPECT_THAT(groups[0].members, ElementsAre(0, 3));
  EXPECT_THAT(groups[1].members, ElementsAre(1));
  EXPECT_THAT(groups[2].members, ElementsAre(2));
}

TEST(BatchPlan, NothingGivesNoGroups) { EXPECT_TRUE(plan_batch({}).empty()); }

TEST(BatchPlan, KeepsEachKeysOrderAndEveryRequestInRandomBatches) {
  Random random(20'240'521);
  for (int round = 0; round < 500; ++round) {
    std::vector<Job> batch;
    for (std::uint64_t i = 0; i < 60; ++i)
      batch.push_back(job(static_cast<std::uint16_t>(random.below(4)), random.below(5)));
    std::map<std::uint64_t, std::size_t> last_of_key;
    std::size_t seen = 0;
    for (const VerbGroup& group : plan_batch(batch)) {
      for (const std::size_t i : group.members) {
        const EnvelopeHeader& header = batch[i].request.header;
        ASSERT_EQ(header.verb, group.verb);
        const auto [last, is_first] = last_of_key.try_emplace(header.key, i);
        ASSERT_TRUE(is_first || last->second < i) << "round " << round;
        last->second = i;
        ++seen;
      }
    }
    ASSERT_EQ(seen, batch.size());
  }
}

}  // namespace
}  // namespace parley
