#include "store/pg/append_plan.h"

#include <gmock/gmock.h>

#include "store/limits.h"

namespace parley {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

NewEntry entry(std::uint64_t conversation, std::uint8_t id, std::string_view body = "hello") {
  return {ConversationId{conversation}, UserId{1}, ClientMessageId{id}, 1, body, 1'000 + id};
}

StoredEntry stored(const NewEntry& entry, std::uint64_t seq) {
  return {entry.conversation,      entry.sender, entry.client_id, Seq{seq}, entry.kind,
          std::string(entry.body), entry.time_ms};
}

std::string in_words(const Result<Appended>& result) {
  if (!result) return std::string(name_of(result.error().code));
  return std::to_string(result->seq.value) + (result->repeated ? "r" : "");
}

std::vector<std::string> answers(AppendPlan& plan) {
  std::vector<std::string> words;
  for (const auto& result : plan.take_results()) words.push_back(in_words(result));
  return words;
}

TEST(AppendPlan, RowsAreInOrderOfConversationAndThenOfTheBatch) {
  const std::array batch{entry(9, 1), entry(3, 2), entry(9, 3), entry(3, 4), entry(5, 5)};
  AppendPlan plan(batch);
  EXPECT_THAT(plan.next_chunk(), ElementsAre(1, 3, 4, 0, 2));
  EXPECT_THAT(plan.next_chunk(), IsEmpty());
}

TEST(AppendPlan, NumbersFollowTheBaseOfTheirConversation) {
  const std::array batch{entry(9, 1), entry(3, 2), entry(9, 3), entry(3, 4), entry(5, 5)};
  AppendPlan plan(batch);
  plan.written(plan.next_chunk(), {{ConversationId{9}, Seq{100}}, {ConversationId{3}, Seq{0}}});
  EXPECT_THAT(answers(plan), ElementsAre("101", "1", "102", "2", "not_found"));
}

TEST(AppendPlan, WhatCanNeverBeStoredIsNoRow) {
  const std::string too_large(limits::entry_body_max + 1, 'x');
  NewEntry nobody = entry(3, 4);
  nobody.sender = UserId{user_id_max + 1};
  const std::array batch{entry(0, 1), entry(1ULL << 63, 2), entry(3, 3, too_large), nobody,
                         entry(3, 5)};
  AppendPlan plan(batch);
  const auto rows = plan.next_chunk();
  EXPECT_THAT(rows, ElementsAre(4));
  plan.written(rows, {{ConversationId{3}, Seq{0}}});
  EXPECT_THAT(answers(plan), ElementsAre("not_found", "not_found", "too_large", "internal", "1"));
}

TEST(AppendPlan, ARepetitionWithinTheBatchIsNoRowAndSharesTheFirstOnesFate) {
  const std::array batch{entry(3, 1), entry(3, 1), entry(3, 1, "else"), entry(3, 2), entry(3, 2)};
  AppendPlan plan(batch);
  const auto rows = plan.next_chunk();
  EXPECT_THAT(rows, ElementsAre(0, 3));
  plan.written(rows.first(1), {{ConversationId{3}, Seq{7}}});
  plan.refuse(rows.subspan(1), {Errc::retry_later, "away"});
  EXPECT_THAT(plan.settle_repeats(), IsEmpty());
  EXPECT_THAT(answers(plan), ElementsAre("8", "8r", "conflict", "retry_later", "retry_later"));
}

TEST(AppendPlan, SettlingAnswersWhatIsStoredAndLeavesTheRest) {
  const std::array batch{entry(3, 1), entry(3, 2), entry(4, 1), entry(3, 3, "else")};
  AppendPlan plan(batch);
  const auto rows = plan.next_chunk();
  const auto others = plan.settle(rows, {stored(entry(3, 3), 30), stored(entry(3, 1), 10)});
  EXPECT_THAT(others, ElementsAre(1, 2));
  plan.refuse(others, {Errc::internal, "test"});
  EXPECT_THAT(answers(plan), ElementsAre("10r", "internal", "internal", "conflict"));
}

TEST(AppendPlan, ARepetitionOfOneThatWasInConflictIsJudgedByWhatIsStored) {
  const std::array batch{entry(3, 1, "else"), entry(3, 1)};
  AppendPlan plan(batch);
  plan.settle(plan.next_chunk(), {stored(entry(3, 1), 10)});
  const auto open = plan.settle_repeats();
  EXPECT_THAT(open, ElementsAre(1));
  EXPECT_THAT(plan.settle(open, {stored(entry(3, 1), 10)}), IsEmpty());
  EXPECT_THAT(answers(plan), ElementsAre("conflict", "10r"));
}

TEST(AppendPlan, AChunkIsBoundedInEntriesAndBytes) {
  std::vector<NewEntry> many;
  for (std::size_t i = 0; i < limits::append_entries_max + 5; ++i) {
    NewEntry one = entry(3, 0);
    one.client_id[1] = static_cast<std::uint8_t>(i);
    one.client_id[2] = static_cast<std::uint8_t>(i >> 8);
    many.push_back(one);
  }
  AppendPlan by_entries(many);
  EXPECT_THAT(by_entries.next_chunk(), SizeIs(limits::append_entries_max));
  EXPECT_THAT(by_entries.next_chunk(), SizeIs(5));

  const std::string body(limits::entry_body_max, 'x');
  for (NewEntry& one : many) one.body = body;
  AppendPlan by_bytes(many);
  EXPECT_THAT(by_bytes.next_chunk(), SizeIs(limits::append_bytes_max / limits::entry_body_max));
}

TEST(AppendPlan, ARowThatNobodyAnsweredIsNoSuccess) {
  const std::array batch{entry(3, 1)};
  AppendPlan plan(batch);
  EXPECT_THAT(answers(plan), ElementsAre("internal"));
}

}  // namespace
}  // namespace parley
