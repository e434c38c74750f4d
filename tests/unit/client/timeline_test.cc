#include "client/timeline.h"

#include <set>

namespace parley::client {
namespace {

const Instant start{};
const TimelineOptions options;

Entry entry(std::uint64_t seq) {
  return {.conversation = ConversationId{1}, .seq = Seq{seq}, .sender = UserId{1}};
}

std::vector<std::uint64_t> seqs(const std::vector<Entry>& entries) {
  std::vector<std::uint64_t> numbers;
  for (const Entry& e : entries) numbers.push_back(e.seq.value);
  return numbers;
}

class TimelineTest : public testing::Test {
 protected:
  std::vector<std::uint64_t> offer(std::uint64_t seq, Instant now = start) {
    return seqs(timeline.offer(entry(seq), now));
  }
  void place(std::uint64_t last) { timeline.place(Seq{last}, start); }

  Timeline timeline{options};
  Random random{1};
};

using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(TimelineTest, AppliesTheNextAndDropsTheKnown) {
  place(3);
  EXPECT_THAT(offer(4), ElementsAre(4));
  EXPECT_THAT(offer(4), IsEmpty());
  EXPECT_THAT(offer(1), IsEmpty());
  EXPECT_EQ(timeline.next_due(), std::nullopt);
}

TEST_F(TimelineTest, WaitsALittleForWhatIsOvertaken) {
  place(0);
  EXPECT_THAT(offer(2), IsEmpty());
  EXPECT_FALSE(timeline.take_pull(start + options.patience - 1ms));
  EXPECT_THAT(offer(1, start + 100ms), ElementsAre(1, 2));
  EXPECT_EQ(timeline.next_due(), std::nullopt) << "no pull is needed any more";
}

TEST_F(TimelineTest, PullsExactlyTheGap) {
  place(1);
  offer(5);
  offer(7);
  const auto range = timeline.take_pull(start + options.patience);
  ASSERT_TRUE(range);
  EXPECT_EQ(range->from, Seq{2});
  EXPECT_EQ(range->to, Seq{4});
  EXPECT_FALSE(timeline.take_pull(start + 1h)) << "one pull at a time";
  for (const std::uint64_t seq : {2, 3}) offer(seq);
  EXPECT_THAT(offer(4), ElementsAre(4, 5));
  timeline.pulled(start + 1s, random);
  const auto rest = timeline.take_pull(start + 1s);
  ASSERT_TRUE(rest) << "6 is still missing";
  EXPECT_EQ(rest->from, Seq{6});
  EXPECT_EQ(rest->to, Seq{6});
}

TEST_F(TimelineTest, PullsAtOnceWhatTheListSaysIsMissing) {
  place(2);
  timeline.head_is(Seq{9}, start);
  const auto range = timeline.take_pull(start);
  ASSERT_TRUE(range);
  EXPECT_EQ(range->from, Seq{3});
  EXPECT_EQ(range->to, Seq{9});
}

TEST_F(TimelineTest, HoldsEverythingUntilItIsPlaced) {
  EXPECT_THAT(offer(6), IsEmpty());
  EXPECT_THAT(offer(5), IsEmpty());
  EXPECT_EQ(timeline.next_due(), std::nullopt);
  EXPECT_THAT(seqs(timeline.place(Seq{4}, start)), ElementsAre(5, 6));
}

TEST_F(TimelineTest, DropsWhatLiesBeforeItsPlace) {
  offer(3);
  EXPECT_THAT(seqs(timeline.place(Seq{4}, start)), IsEmpty());
  EXPECT_EQ(timeline.next_due(), std::nullopt);
}

TEST_F(TimelineTest, HoldsABoundedNumberAndPullsTheRest) {
  place(0);
  for (std::uint64_t seq = 200; seq > 1; --seq) offer(seq);
  const auto range = timeline.take_pull(start + options.patience);
  ASSERT_TRUE(range);
  EXPECT_EQ(range->to, Seq{1});
  std::vector<Entry> readable = timeline.offer(entry(1), start + 1s);
  EXPECT_EQ(readable.size(), options.held_max + 1);
  timeline.pulled(start + 1s, random);
  const auto rest = timeline.take_pull(start + 1s);
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->from, Seq{options.held_max + 2});
  EXPECT_EQ(rest->to, Seq{200});
}

TEST_F(TimelineTest, PausesLongerAfterEachFruitlessPull) {
  place(0);
  timeline.head_is(Seq{1}, start);
  Instant now = start;
  for (const Duration least : {250ms, 500ms, 1000ms}) {
    ASSERT_TRUE(timeline.take_pull(now));
    timeline.pulled(now, random);
    ASSERT_TRUE(timeline.next_due());
    EXPECT_GE(*timeline.next_due() - now, least);
    now = *timeline.next_due();
  }
}

// A crowd that was refused at once must not come back at once.
TEST_F(TimelineTest, HonoursTheServersHintNotToTheMillisecond) {
  place(0);
  timeline.head_is(Seq{1}, start);
  std::set<Duration> pauses;
  Instant now = start;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(timeline.take_pull(now));
    timeline.pull_failed(now, 30s, random);
    pauses.insert(*timeline.next_due() - now);
    now = *timeline.next_due();
  }
  EXPECT_GE(*pauses.begin(), 30s);
  EXPECT_LE(*pauses.rbegin(), 45s);
  EXPECT_GT(pauses.size(), 10U);
}

TEST_F(TimelineTest, PullsAgainAfterTheConnectionBroke) {
  place(0);
  timeline.head_is(Seq{1}, start);
  ASSERT_TRUE(timeline.take_pull(start));
  timeline.disconnected(start + 1s);
  EXPECT_TRUE(timeline.take_pull(start + 1s));
}

TEST_F(TimelineTest, PullsNothingIfAPushFilledTheGapBeforeTheConnectionBroke) {
  place(0);
  timeline.head_is(Seq{1}, start);
  ASSERT_TRUE(timeline.take_pull(start));
  EXPECT_THAT(offer(1), ElementsAre(1));
  timeline.disconnected(start);
  EXPECT_FALSE(timeline.take_pull(start + 1h));
}

TEST_F(TimelineTest, ABusyConversationThatOnlyReordersNeverPulls) {
  place(0);
  Instant now = start;
  for (std::uint64_t seq = 1; seq < 1000; seq += 2) {
    offer(seq + 1, now);
    EXPECT_FALSE(timeline.take_pull(now));
    now += options.patience * 9 / 10;
    offer(seq, now);
  }
  EXPECT_EQ(timeline.last(), Seq{1000});
}

// The property that all of it is for: whatever is dropped, repeated and reordered, each entry is applied once,
// in order, and with pulls none is left out.
TEST(TimelineProperty, EveryEntryIsAppliedOnceAndInOrder) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    Random chance(seed);
    Timeline timeline(options);
    std::vector<Entry> applied = timeline.place(Seq{0}, start);
    const auto take = [&](std::vector<Entry> more) {
      std::ranges::move(more, std::back_inserter(applied));
    };
    const std::uint64_t head = 1 + chance.below(300);
    Instant now = start;
    for (std::uint64_t step = 0; step < 2 * head; ++step) {
      now += std::chrono::milliseconds(chance.below(100));
      const std::uint64_t near = std::min(head, 1 + step / 2 + chance.below(8));
      take(timeline.offer(entry(near), now));
      if (const auto range = timeline.take_pull(now)) {
        const std::uint64_t to = std::min(range->to.value, range->from.value + chance.below(20));
        for (std::uint64_t seq = range->from.value; seq <= to; ++seq)
          take(timeline.offer(entry(seq), now));
        if (chance.below(4) == 0) timeline.pull_failed(now, 0s, chance);
        else timeline.pulled(now, chance);
      }
    }
    timeline.head_is(Seq{head}, now);
    for (int pulls = 0; pulls < 100 && timeline.last() < Seq{head}; ++pulls) {
      now += 30s;
      const auto range = timeline.take_pull(now);
      ASSERT_TRUE(range);
      for (std::uint64_t seq = range->from.value; seq <= range->to.value; ++seq)
        take(timeline.offer(entry(seq), now));
      timeline.pulled(now, chance);
    }
    ASSERT_EQ(applied.size(), head);
    for (std::uint64_t i = 0; i < head; ++i) ASSERT_EQ(applied[i].seq, Seq{i + 1});
  }
}

}  // namespace
}  // namespace parley::client
