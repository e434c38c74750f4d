#include "client/outbox.h"

namespace parley::client {
namespace {

const Instant start{};
const ConversationId one{1};
const ConversationId two{2};

Outgoing message(std::uint8_t id, ConversationId conversation = one) {
  return {.id = {id}, .conversation = conversation, .body = "text " + std::to_string(id)};
}

std::vector<int> take_all(Outbox& outbox, Instant now) {
  std::vector<int> ids;
  while (const Outgoing* next = outbox.take_due(now)) ids.push_back(next->id[0]);
  return ids;
}

const Error later{Errc::retry_later};

Outbox connected(const OutboxOptions& options = {}, std::size_t in_flight_max = 64) {
  Outbox outbox(options, 1);
  outbox.connected(in_flight_max);
  return outbox;
}

TEST(Outbox, SendsOneOfAConversationAtATimeInOrder) {
  Outbox outbox = connected();
  for (std::uint8_t id = 1; id <= 3; ++id) ASSERT_TRUE(outbox.add(message(id), start));
  ASSERT_TRUE(outbox.add(message(9, two), start));
  EXPECT_THAT(take_all(outbox, start), testing::ElementsAre(1, 9));
  EXPECT_TRUE(outbox.acked({1}));
  EXPECT_THAT(take_all(outbox, start), testing::ElementsAre(2));
}

TEST(Outbox, KeepsTheOrderWhenTheFirstMustWait) {
  Outbox outbox = connected();
  for (std::uint8_t id = 1; id <= 2; ++id) ASSERT_TRUE(outbox.add(message(id), start));
  take_all(outbox, start);
  EXPECT_FALSE(outbox.failed({1}, later, start));
  EXPECT_TRUE(take_all(outbox, start).empty()) << "2 must not overtake 1";
  EXPECT_THAT(take_all(outbox, start + 15s), testing::ElementsAre(1));
}

TEST(Outbox, PipelinesUpToTheLimitPerConversation) {
  Outbox outbox = connected({.in_flight_per_conversation_max = 2});
  for (std::uint8_t id = 1; id <= 4; ++id) ASSERT_TRUE(outbox.add(message(id), start));
  EXPECT_THAT(take_all(outbox, start), testing::ElementsAre(1, 2));
  EXPECT_TRUE(outbox.acked({2}));
  EXPECT_THAT(take_all(outbox, start), testing::ElementsAre(3));
}

TEST(Outbox, WaitsAtLeastAsLongAsTheServerSays) {
  Outbox outbox = connected();
  ASSERT_TRUE(outbox.add(message(1), start));
  take_all(outbox, start);
  outbox.failed({1}, Error{Errc::rate_limited, "", 5'000}, start);
  EXPECT_GE(*outbox.next_due(), start + 5s);
  EXPECT_LE(*outbox.next_due(), start + 7500ms);
}

TEST(Outbox, PausesLongerWithEachAttempt) {
  Outbox outbox = connected();
  ASSERT_TRUE(outbox.add(message(1), start));
  Instant now = start;
  for (const Duration least : {125ms, 250ms, 500ms, 1000ms}) {
    ASSERT_EQ(take_all(outbox, now).size(), 1U);
    outbox.failed({1}, later, now);
    EXPECT_GE(*outbox.next_due() - now, least);
    EXPECT_LE(*outbox.next_due() - now, 2 * least);
    now = *outbox.next_due();
  }
}

TEST(Outbox, GivesUpVisiblyAfterItsLastAttempt) {
  Outbox outbox = connected({.attempts_max = 3});
  ASSERT_TRUE(outbox.add(message(1), start));
  ASSERT_TRUE(outbox.add(message(2), start));
  Instant now = start;
  for (int attempt = 1; attempt <= 3; ++attempt) {
    ASSERT_THAT(take_all(outbox, now), testing::ElementsAre(1));
    const auto given_up = outbox.failed({1}, later, now);
    EXPECT_EQ(given_up.has_value(), attempt == 3);
    now += 15s;
  }
  EXPECT_THAT(take_all(outbox, now), testing::ElementsAre(2)) << "the next one is not held up";
}

TEST(Outbox, GivesUpAtOnceAfterADefiniteError) {
  Outbox outbox = connected();
  ASSERT_TRUE(outbox.add(message(1), start));
  take_all(outbox, start);
  EXPECT_EQ(outbox.failed({1}, Error{Errc::conflict}, start), message(1));
  EXPECT_EQ(outbox.size(), 0U);
}

TEST(Outbox, SendsAgainWhatWasInFlightWhenTheConnectionBroke) {
  Outbox outbox = connected({.in_flight_per_conversation_max = 2});
  for (std::uint8_t id = 1; id <= 3; ++id) ASSERT_TRUE(outbox.add(message(id), start));
  EXPECT_THAT(take_all(outbox, start), testing::ElementsAre(1, 2));
  EXPECT_TRUE(outbox.disconnected(start).empty());
  EXPECT_THAT(take_all(outbox, start), testing::ElementsAre(1, 2));
}

TEST(Outbox, GivesUpAMessageThatEndsEveryConnection) {
  Outbox outbox = connected({.attempts_max = 2});
  ASSERT_TRUE(outbox.add(message(1), start));
  take_all(outbox, start);
  EXPECT_TRUE(outbox.disconnected(start).empty());
  take_all(outbox, start);
  EXPECT_THAT(outbox.disconnected(start), testing::ElementsAre(message(1)));
}

TEST(Outbox, BeingOfflineCostsNoAttempts) {
  Outbox outbox = connected({.attempts_max = 2});
  ASSERT_TRUE(outbox.add(message(1), start));
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(outbox.disconnected(start).empty());
  EXPECT_THAT(take_all(outbox, start), testing::ElementsAre(1));
}

TEST(Outbox, RefusesBeyondItsBoundAndASecondUseOfAnId) {
  Outbox outbox = connected({.messages_max = 2});
  ASSERT_TRUE(outbox.add(message(1), start));
  EXPECT_EQ(outbox.add(message(1), start).error().code, Errc::conflict);
  ASSERT_TRUE(outbox.add(message(2), start));
  EXPECT_EQ(outbox.add(message(3), start).error().code, Errc::retry_later);
}

// Messages 1, 2, 3 … in conversations of their own.
void fill(Outbox& outbox, std::uint8_t count) {
  for (std::uint8_t id = 1; id <= count; ++id)
    ASSERT_TRUE(outbox.add(message(id, ConversationId{id}), start));
}

TEST(Outbox, HasACongestionWindowOfMessagesInFlight) {
  Outbox outbox = connected({}, 4);
  fill(outbox, 20);
  EXPECT_THAT(take_all(outbox, start), testing::ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(outbox.next_due(), std::nullopt) << "time changes nothing";
  outbox.acked({1});
  EXPECT_EQ(outbox.next_due(), start);
  EXPECT_THAT(take_all(outbox, start), testing::ElementsAre(5));
  outbox.abandon({2});
  EXPECT_THAT(take_all(outbox, start), testing::ElementsAre(6));
  outbox.failed({3}, Error{Errc::rate_limited}, start);
  EXPECT_THAT(take_all(outbox, start), testing::ElementsAre(7)) << "no sign of a busy server";
  outbox.failed({4}, later, start);
  outbox.acked({5});
  EXPECT_THAT(take_all(outbox, start), testing::IsEmpty()) << "two are in flight, no more than may";
  outbox.acked({6});
  EXPECT_THAT(take_all(outbox, start), testing::ElementsAre(8));
  outbox.acked({7});
  outbox.acked({8});
  EXPECT_THAT(take_all(outbox, start), testing::ElementsAre(9, 10));
  outbox.acked({9});
  EXPECT_THAT(take_all(outbox, start), testing::ElementsAre(11, 12)) << "two were taken since";
}

TEST(Outbox, AWaitingMessageThatIsSettledLeavesTheWindowAlone) {
  Outbox outbox = connected({}, 1);
  fill(outbox, 3);
  EXPECT_THAT(take_all(outbox, start), testing::ElementsAre(1));
  outbox.acked({2});
  outbox.abandon({3});
  EXPECT_EQ(outbox.next_due(), std::nullopt);
  outbox.acked({1});
  EXPECT_EQ(outbox.size(), 0U);
}

TEST(Outbox, BeginsEachConnectionWithAllThatItsServerAllows) {
  Outbox outbox = connected({}, 4);
  fill(outbox, 10);
  EXPECT_EQ(take_all(outbox, start).size(), 4U);
  outbox.failed({1}, later, start);
  outbox.disconnected(start);
  outbox.connected(5);
  EXPECT_EQ(take_all(outbox, start).size(), 5U) << "not one less for what was in flight";
}

TEST(Outbox, IgnoresAnswersToWhatIsNotInFlight) {
  Outbox outbox = connected();
  ASSERT_TRUE(outbox.add(message(1), start));
  EXPECT_FALSE(outbox.failed({1}, Error{Errc::conflict}, start)) << "it has not been sent yet";
  EXPECT_FALSE(outbox.failed({7}, Error{Errc::conflict}, start));
  EXPECT_FALSE(outbox.acked({7}));
  EXPECT_EQ(outbox.size(), 1U);
}

}  // namespace
}  // namespace parley::client
