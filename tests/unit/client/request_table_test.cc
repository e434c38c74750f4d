#include "client/request_table.h"

namespace parley::client {
namespace {

const Instant start{};

Request request(std::uint64_t target) {
  return {.verb = Verb::c2c_pull,
          .target = target,
          .body = "b",
          .purpose = ForPull{ConversationId{target}}};
}

std::uint64_t target_of(const Purpose& purpose) {
  return std::get<ForPull>(purpose).conversation.value;
}

TEST(RequestTable, PairsAnswersWithRequestsInAnyOrder) {
  RequestTable table({});
  for (std::uint64_t i = 1; i <= 3; ++i) ASSERT_TRUE(table.add(request(i), start));
  std::vector<std::uint32_t> numbers;
  while (const auto frame = table.take_ready()) numbers.push_back(frame->header.number);
  ASSERT_EQ(numbers.size(), 3U);
  EXPECT_EQ(target_of(*table.complete(numbers[1])), 2U);
  EXPECT_EQ(target_of(*table.complete(numbers[2])), 3U);
  EXPECT_EQ(target_of(*table.complete(numbers[0])), 1U);
  EXPECT_FALSE(table.complete(numbers[0]).has_value()) << "an answer counts once";
}

TEST(RequestTable, NeverHasMoreInFlightThanItsWindow) {
  RequestTable table({.in_flight_max = 2});
  for (std::uint64_t i = 1; i <= 3; ++i) ASSERT_TRUE(table.add(request(i), start));
  const auto first = table.take_ready();
  ASSERT_TRUE(table.take_ready());
  EXPECT_FALSE(table.take_ready());
  EXPECT_EQ(table.room(), 0U);
  ASSERT_TRUE(table.complete(first->header.number));
  EXPECT_TRUE(table.take_ready());
}

TEST(RequestTable, TakesTheServersWindowIfItIsSmaller) {
  RequestTable table({.in_flight_max = 4});
  table.server_allows(1);
  EXPECT_EQ(table.room(), 1U);
  table.server_allows(100);
  EXPECT_EQ(table.room(), 4U);
  table.server_allows(0);
  EXPECT_EQ(table.room(), 4U);
}

TEST(RequestTable, RefusesWhatItCannotHold) {
  RequestTable table({.waiting_max = 2});
  ASSERT_TRUE(table.add(request(1), start));
  ASSERT_TRUE(table.add(request(2), start));
  EXPECT_EQ(table.add(request(3), start).error().code, Errc::retry_later);
}

TEST(RequestTable, GivesUpAtTheDeadlineWhetherSentOrNot) {
  RequestTable table({.in_flight_max = 1, .answer_within = 12s});
  ASSERT_TRUE(table.add(request(1), start));
  ASSERT_TRUE(table.add(request(2), start + 1s));
  const auto sent = table.take_ready();
  EXPECT_EQ(table.next_deadline(), start + 12s);
  EXPECT_TRUE(table.expire(start + 12s - 1ms).empty());

  const auto first = table.expire(start + 12s);
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(target_of(first[0].purpose), 1U);
  EXPECT_EQ(first[0].sent, start);
  EXPECT_FALSE(table.complete(sent->header.number)) << "a late answer finds nobody";

  const auto second = table.expire(start + 13s);
  ASSERT_EQ(second.size(), 1U);
  EXPECT_FALSE(second[0].sent.has_value());
  EXPECT_EQ(table.next_deadline(), std::nullopt);
}

TEST(RequestTable, ForgetsEverythingWithTheConnection) {
  RequestTable table({.in_flight_max = 1});
  for (std::uint64_t i = 1; i <= 2; ++i) ASSERT_TRUE(table.add(request(i), start));
  const auto sent = table.take_ready();
  EXPECT_EQ(table.take_all().size(), 2U);
  EXPECT_FALSE(table.take_ready());
  EXPECT_FALSE(table.complete(sent->header.number));
  EXPECT_EQ(table.room(), 1U);
}

}  // namespace
}  // namespace parley::client
