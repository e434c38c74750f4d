#include "tests/unit/workers/bench.h"

namespace parley::test {
namespace {

struct C2cRead : testing::Test {
  Bench bench;
  Session ann{bench.account("ann"), DeviceId{1}};
  Session bob{bench.account("bob"), DeviceId{2}};
  std::uint64_t chat = direct_conversation(ann.user, bob.user).value;

  void say(unsigned count, std::size_t bytes = 4) {
    std::vector<Question> questions;
    for (unsigned i = 1; i <= count; ++i)
      questions.push_back({ann, chat, text(i, std::string(bytes, 'x')).SerializeAsString()});
    for (const auto& answer : bench.ask_batch(Verb::c2c_send, questions).answers)
      ASSERT_TRUE(answer);
  }
  Result<wire::EntriesReply> pull(std::uint64_t from, std::uint64_t to) {
    wire::PullRequest request;
    request.set_from(from);
    request.set_to(to);
    return bench.ask<wire::EntriesReply>(Verb::c2c_pull, bob, chat, request);
  }
  Result<wire::EntriesReply> history(std::uint64_t before, std::uint32_t limit) {
    wire::HistoryRequest request;
    request.set_before(before);
    request.set_limit(limit);
    return bench.ask<wire::EntriesReply>(Verb::c2c_history, bob, chat, request);
  }
  Result<wire::ConversationsReply> conversations(const Session& who, std::uint64_t after,
                                                 std::uint32_t limit) {
    wire::ConversationsRequest request;
    request.set_after(after);
    request.set_limit(limit);
    return bench.ask<wire::ConversationsReply>(Verb::c2c_conversations, who, 0, request);
  }
};

TEST_F(C2cRead, PullsTheEntriesOfARange) {
  say(10);
  const auto page = pull(3, 5);
  ASSERT_EQ(page->entries_size(), 3);
  EXPECT_EQ(page->entries(0).seq(), 3u);
  EXPECT_EQ(page->entries(0).client_id(), client_id(3));
  EXPECT_EQ(page->entries(0).sender(), ann.user.value);
  EXPECT_EQ(page->entries(0).body(), "xxxx");
  EXPECT_EQ(page->entries(2).seq(), 5u);
  EXPECT_EQ(page->head(), 10u);
  EXPECT_FALSE(page->more());
  EXPECT_EQ(pull(9, ~0ULL)->entries_size(), 2) << "past the newest is fine";
}

TEST_F(C2cRead, EndsAPageAt200EntriesOrAtItsBytes) {
  say(250);
  EXPECT_EQ(pull(1, 250)->entries_size(), 200);
  EXPECT_TRUE(pull(1, 250)->more());
  EXPECT_EQ(pull(201, 250)->entries_size(), 50);
}

TEST_F(C2cRead, NeverAnswersMoreThanAFrameHolds) {
  say(10, 16'384);
  const auto page = pull(1, 10);
  EXPECT_LT(page->entries_size(), 10);
  EXPECT_TRUE(page->more());
  EXPECT_LE(page->SerializeAsString().size(), limits::frame_body_max);
}

TEST_F(C2cRead, RefusesARangeThatIsNone) {
  EXPECT_EQ(code_of(pull(0, 5)), Errc::bad_request);
  EXPECT_EQ(code_of(pull(5, 4)), Errc::bad_request);
}

TEST_F(C2cRead, GoesBackThroughHistory) {
  say(10);
  const auto newest = history(0, 3);
  ASSERT_EQ(newest->entries_size(), 3);
  EXPECT_EQ(newest->entries(0).seq(), 8u);
  EXPECT_TRUE(newest->more());
  const auto oldest = history(3, 200);
  ASSERT_EQ(oldest->entries_size(), 2);
  EXPECT_EQ(oldest->entries(0).seq(), 1u);
  EXPECT_FALSE(oldest->more());
  EXPECT_EQ(history(~0ULL, 1)->entries(0).seq(), 10u);
  EXPECT_EQ(code_of(history(0, 0)), Errc::bad_request);
}

TEST_F(C2cRead, ListsConversationsWithEverybodysCursors) {
  say(4);
  wire::ReceiptRequest receipt;
  receipt.set_received(4);
  receipt.set_read(2);
  ASSERT_TRUE(bench.ask<wire::ReceiptReply>(Verb::c2c_receipt, bob, chat, receipt));
  const auto of_ann = conversations(ann, 0, 10);
  ASSERT_EQ(of_ann->conversations_size(), 1);
  EXPECT_EQ(of_ann->conversations(0).conversation(), chat);
  EXPECT_EQ(of_ann->conversations(0).head(), 4u);
  EXPECT_EQ(of_ann->conversations(0).received(), 0u);
  EXPECT_EQ(of_ann->conversations(0).peer_received(), 4u);
  EXPECT_EQ(of_ann->conversations(0).peer_read(), 2u);
  EXPECT_EQ(conversations(bob, 0, 10)->conversations(0).read(), 2u);
}

TEST_F(C2cRead, PagesThroughConversationsInOrder) {
  for (const char* name : {"cid", "dan", "eva"}) {
    const std::uint64_t with = direct_conversation(ann.user, bench.account(name)).value;
    ASSERT_TRUE(bench.ask<wire::SendReply>(Verb::c2c_send, ann, with, text(1, "hi")));
  }
  const auto first = conversations(ann, 0, 2);
  ASSERT_EQ(first->conversations_size(), 2);
  EXPECT_TRUE(first->more());
  const auto rest = conversations(ann, first->conversations(1).conversation(), 2);
  ASSERT_EQ(rest->conversations_size(), 1);
  EXPECT_FALSE(rest->more());
  EXPECT_EQ(conversations(ann, ~0ULL, 200)->conversations_size(), 0);
  EXPECT_EQ(code_of(conversations(ann, 0, 0)), Errc::bad_request);
}

TEST_F(C2cRead, PassesOverConversationsThatAreNotDirectOnes) {
  say(1);
  const std::array later{std::pair{ann.user, ConversationId{(1ULL << 62) | 5}},
                         std::pair{ann.user, ConversationId{(1ULL << 62) | 6}}};
  ASSERT_TRUE(bench.users.list_conversations(later));
  for (const std::uint32_t limit : {1u, 2u, 10u}) {
    const auto page = conversations(ann, 0, limit);
    ASSERT_EQ(page->conversations_size(), 1) << limit;
    EXPECT_EQ(page->conversations(0).conversation(), chat);
    EXPECT_FALSE(page->more()) << limit;
  }
  EXPECT_EQ(conversations(ann, chat, 10)->conversations_size(), 0);
}

TEST_F(C2cRead, ShowsStrangersNothing) {
  say(3);
  const Session eve{bench.account("eve"), DeviceId{3}};
  wire::PullRequest range;
  range.set_from(1);
  range.set_to(3);
  wire::HistoryRequest newest;
  newest.set_limit(3);
  EXPECT_EQ(code_of(bench.ask<wire::EntriesReply>(Verb::c2c_pull, eve, chat, range)),
            Errc::not_found);
  EXPECT_EQ(code_of(bench.ask<wire::EntriesReply>(Verb::c2c_history, eve, chat, newest)),
            Errc::not_found);
  EXPECT_EQ(conversations(eve, 0, 10)->conversations_size(), 0);
}

TEST_F(C2cRead, AsksToRetryWhileTheDatabaseIsAway) {
  say(1);
  bench.database->set_faults({.fail_calls = 3});
  EXPECT_EQ(code_of(pull(1, 1)), Errc::retry_later);
  EXPECT_EQ(code_of(history(0, 1)), Errc::retry_later);
  EXPECT_EQ(code_of(conversations(ann, 0, 1)), Errc::retry_later);
}

}  // namespace
}  // namespace parley::test
