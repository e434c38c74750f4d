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

TEST(Outbox, SendsOneOfAConversationAtATimeInOrder) {
  Outbox outbox({}, 1);
  for (std::uint8_t id = 1; id <= 3; ++id) ASSERT_TRUE(outbox.add(message(id), start));
  ASSERT_TRUE(outbox.add(message(9, two), start));
  EXPECT_THAT(take_all(outbox, start), testing::ElementsAre(1, 9));
  EXPECT_TRUE(outbox.acked({1}));
  EXPECT_THAT(take_all(outbox, start), testing::ElementsAre(2));
}

TEST(Outbox, KeepsTheOrderWhenTheFirstMustWait) {
  Outbox outbox({}, 1);
  for (std::uint8_t id = 1; id <= 2; ++id) ASSERT_TRUE(outbox.add(message(id), start));
  take_all(outbox, start);
  EXPECT_FALSE(outbox.failed({1}, later, start));
  EXPECT_TRUE(take_all(outbox, start).empty()) << "2 must not overtake 1";
  EXPECT_THAT(take_all(outbox, start + 15s), testing::ElementsAre(1));
}

TEST(Outbox, PipelinesUpToTheLimitPerConversation) {
  Outbox outbox({.in_flight_per_conversation_max = 2}, 1);
  for (std::uint8_t id = 1; id <= 4; ++id) ASSERT_TRUE(outbox.add(message(id), start));
  EXPECT_THAT(take_all(outbox, start), testing::ElementsAre(1, 2));
  EXPECT_TRUE(outbox.acked({2}));
  EXPECT_THAT(take_all(outbox, start), testing::ElementsAre(3));
}

TEST(Outbox, WaitsAtLeastAsLongAsTheServerSays) {
  Outbox outbox({}, 1);
  ASSERT_TRUE(outbox.add(message(1), start));
  take_all(outbox, start);
  outbox.failed({1}, Error{Errc::rate_limited, "", 5'000}, start);
  EXPECT_GE(*outbox.next_due(), start + 5s);
  EXPECT_LE(*outbox.next_due(), start + 7500ms);
}

TEST(Outbox, PausesLongerWithEachAttempt) {
  Outbox outbox({}, 1);
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
  Outbox outbox({.attempts_max = 3}, 1);
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
  Outbox outbox({}, 1);
  ASSERT_TRUE(outbox.add(message(1), start));
  take_all(outbox, start);
  EXPECT_EQ(outbox.failed({1}, Error{Errc::conflict}, start), message(1));
  EXPECT_EQ(outbox.size(), 0U);
}

TEST(Outbox, SendsAgainWhatWasInFlightWhenTheConnectionBroke) {
  Outbox outbox({.in_flight_per_conversation_max = 2}, 1);
  for (std::uint8_t id = 1; id <= 3; ++id) ASSERT_TRUE(outbox.add(message(id), start));
  EXPECT_THAT(take_all(outbox, start), testing::ElementsAre(1, 2));
  EXPECT_TRUE(outbox.disconnected(start).empty());
  EXPECT_THAT(take_all(outbox, start), testing::ElementsAre(1, 2));
}

TEST(Outbox, GivesUpAMessageThatEndsEveryConnection) {
  Outbox outbox({.attempts_max = 2}, 1);
  ASSERT_TRUE(outbox.add(message(1), start));
  take_all(outbox, start);
  EXPECT_TRUE(outbox.disconnected(start).empty());
  take_all(outbox, start);
  EXPECT_THAT(outbox.disconnected(start), testing::ElementsAre(message(1)));
}

TEST(Outbox, BeingOfflineCostsNoAttempts) {
  Outbox outbox({.attempts_max = 2}, 1);
  ASSERT_TRUE(outbox.add(message(1), start));
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(outbox.disconnected(start).empty());
  EXPECT_THAT(take_all(outbox, start), testing::ElementsAre(1));
}

TEST(Outbox, RefusesBeyondItsBoundAndASecondUseOfAnId) {
  Outbox outbox({.messages_max = 2}, 1);
  ASSERT_TRUE(outbox.add(message(1), start));
  EXPECT_EQ(outbox.add(message(1), start).error().code, Errc::conflict);
  ASSERT_TRUE(outbox.add(message(2), start));
  EXPECT_EQ(outbox.add(message(3), start).error().code, Errc::retry_later);
}

TEST(Outbox, IgnoresAnswersToWhatIsNotInFlight) {
  Outbox outbox({}, 1);
  ASSERT_TRUE(outbox.add(message(1), start));
  EXPECT_FALSE(outbox.failed({1}, Error{Errc::conflict}, start)) << "it has not been sent yet";
  EXPECT_FALSE(outbox.failed({7}, Error{Errc::conflict}, start));
  EXPECT_FALSE(outbox.acked({7}));
  EXPECT_EQ(outbox.size(), 1U);
}

}  // namespace
}  // namespace parley::client
