#include "tests/unit/workers/bench.h"

namespace parley::test {
namespace {

struct C2cSend : testing::Test {
  Bench bench;
  Session ann{bench.account("ann"), DeviceId{1}};
  Session bob{bench.account("bob"), DeviceId{2}};
  std::uint64_t chat = direct_conversation(ann.user, bob.user).value;

  Result<wire::SendReply> send(const Session& from, const wire::SendRequest& message) {
    return bench.ask<wire::SendReply>(Verb::c2c_send, from, chat, message);
  }
  std::size_t stored() {
    return bench.log.range(ConversationId{chat}, Seq{1}, Seq{1'000}, {})->entries.size();
  }
};

TEST_F(C2cSend, NumbersMessagesOfBothMembersFromOneOn) {
  EXPECT_EQ(send(ann, text(1, "hi"))->seq(), 1u);
  EXPECT_EQ(send(bob, text(1, "hello"))->seq(), 2u);
  const auto page = bench.log.range(ConversationId{chat}, Seq{1}, Seq{9}, {});
  ASSERT_EQ(page->entries.size(), 2u);
  EXPECT_EQ(page->entries[0].sender, ann.user);
  EXPECT_EQ(page->entries[0].body, "hi");
  EXPECT_EQ(page->entries[1].sender, bob.user);
}

TEST_F(C2cSend, GivesTheSameAckForTheSameIdAndDeliversItAgain) {
  const auto first = send(ann, text(1, "hi"));
  bench.pass(1h);
  bench.restart();
  const auto again = send(ann, text(1, "hi"));
  EXPECT_EQ(again->SerializeAsString(), first->SerializeAsString());
  EXPECT_EQ(stored(), 1u);
  EXPECT_EQ(bench.deliveries.size(), 1u);
}

TEST_F(C2cSend, AnswersARepetitionWithinOneBatchLikeTheFirst) {
  const Question question{ann, chat, text(1, "hi").SerializeAsString()};
  const auto outcome = bench.ask_batch(Verb::c2c_send, {question, question});
  EXPECT_EQ(outcome.answers[0]->body, outcome.answers[1]->body);
  EXPECT_EQ(stored(), 1u);
}

TEST_F(C2cSend, RefusesTheSameIdWithAnotherBody) {
  ASSERT_TRUE(send(ann, text(1, "hi")));
  EXPECT_EQ(code_of(send(ann, text(1, "ho"))), Errc::conflict);
  EXPECT_TRUE(bench.deliveries.empty());
  EXPECT_TRUE(send(bob, text(1, "ho"))) << "another sender's ids are his own";
}

TEST_F(C2cSend, KeepsTheOrderOfPipelinedMessages) {
  std::vector<Question> questions;
  for (unsigned i = 0; i < 50; ++i) {
    questions.push_back({ann, chat, text(i, std::to_string(i)).SerializeAsString()});
    questions.back().trace = 100 + i;
  }
  const auto outcome = bench.ask_batch(Verb::c2c_send, questions);
  for (unsigned i = 0; i < 50; ++i) {
    wire::SendReply reply;
    ASSERT_TRUE(reply.ParseFromString(outcome.answers[i]->body));
    EXPECT_EQ(reply.seq(), i + 1);
  }
  ASSERT_EQ(outcome.deliveries.size(), 50u);
  wire::MessageNotice notice;
  ASSERT_TRUE(notice.ParseFromString(outcome.deliveries[49].body));
  EXPECT_EQ(notice.entry().body(), "49");
  for (unsigned i = 0; i < 50; ++i) EXPECT_EQ(outcome.deliveries[i].trace, 100 + i);
}

TEST_F(C2cSend, DeliversTheEntryToBothButNotToTheSendingDevice) {
  ASSERT_TRUE(send(ann, text(3, "hi")));
  ASSERT_EQ(bench.deliveries.size(), 1u);
  const Delivery& delivery = bench.deliveries[0];
  EXPECT_EQ(delivery.notice, Notice::c2c_message);
  EXPECT_EQ(delivery.reach, Reach::gateways_of_users);
  EXPECT_EQ(delivery.key, chat);
  EXPECT_EQ(delivery.target, chat);
  EXPECT_EQ(delivery.users, (std::vector<UserId>{ann.user, bob.user}))
      << "the skipped device's user first";
  EXPECT_EQ(delivery.skip_device, ann.device);
  wire::MessageNotice notice;
  ASSERT_TRUE(notice.ParseFromString(delivery.body));
  EXPECT_EQ(notice.entry().seq(), 1u);
  EXPECT_EQ(notice.entry().sender(), ann.user.value);
  EXPECT_EQ(notice.entry().client_id(), client_id(3));
  EXPECT_EQ(notice.entry().body(), "hi");
  EXPECT_EQ(notice.entry().time_ms(), bench.moment.wall_ms);
}

TEST_F(C2cSend, PutsTheConversationIntoBothListsBeforeTheAck) {
  ASSERT_TRUE(send(ann, text(1, "hi")));
  for (const Session& member : {ann, bob}) {
    const auto listed = bench.users.conversations(member.user, ConversationId{0}, 10);
    ASSERT_EQ(listed->size(), 1u);
    EXPECT_EQ((*listed)[0].conversation.value, chat);
  }
}

TEST_F(C2cSend, OneBadMessageOfABatchFailsAlone) {
  auto nameless = text(2, "x");
  nameless.set_client_id("short");
  const auto outcome =
      bench.ask_batch(Verb::c2c_send, {{ann, chat, text(1, "one").SerializeAsString()},
                                       {ann, chat, nameless.SerializeAsString()},
                                       {ann, chat, "\xff\xff no protobuf"},
                                       {ann, direct_conversation(ann.user, UserId{999}).value,
                                        text(3, "to nobody").SerializeAsString()},
                                       {ann, chat, text(4, "two").SerializeAsString()}});
  EXPECT_TRUE(outcome.answers[0]);
  EXPECT_EQ(code_of(outcome.answers[1]), Errc::bad_request);
  EXPECT_EQ(code_of(outcome.answers[2]), Errc::bad_request);
  EXPECT_EQ(code_of(outcome.answers[3]), Errc::not_found);
  EXPECT_TRUE(outcome.answers[4]);
  EXPECT_EQ(stored(), 2u);
  EXPECT_EQ(outcome.deliveries.size(), 2u);
}

TEST_F(C2cSend, RefusesWhatIsNoMessage) {
  const auto with = [](auto change) {
    auto message = text(1, "hi");
    change(message);
    return message;
  };
  EXPECT_EQ(code_of(send(ann, with([](auto& m) { m.set_client_id(std::string(17, 'x')); }))),
            Errc::bad_request);
  EXPECT_EQ(code_of(send(ann, with([](auto& m) { m.clear_kind(); }))), Errc::bad_request);
  EXPECT_EQ(code_of(send(ann, with([](auto& m) { m.set_kind(wire::MessageKind(3)); }))),
            Errc::bad_request);
  EXPECT_EQ(code_of(send(ann, with([](auto& m) { m.clear_body(); }))), Errc::bad_request);
  EXPECT_EQ(code_of(send(ann, with([](auto& m) { m.set_body(std::string(16'385, 'x')); }))),
            Errc::too_large);
  EXPECT_EQ(code_of(send(ann, with([](auto& m) { m.set_body(std::string(30'000, 'x')); }))),
            Errc::too_large);
  EXPECT_EQ(code_of(send(ann, with([](auto& m) { m.set_body(std::string("a\0b", 3)); }))),
            Errc::bad_request);
  EXPECT_EQ(code_of(send(ann, with([](auto& m) { m.set_body("\xC0\xAF"); }))), Errc::bad_request);
  EXPECT_EQ(stored(), 0u);
}

TEST_F(C2cSend, TakesTheLargestTextAndAnyBytesOfCustomKind) {
  EXPECT_TRUE(send(ann, text(1, std::string(16'384, 'x'))));
  auto custom = text(2, std::string("\xff\0\xfe", 3));
  custom.set_kind(wire::MESSAGE_KIND_CUSTOM);
  EXPECT_TRUE(send(ann, custom));
}

TEST_F(C2cSend, AnswersStrangersLikeMembersOfNothing) {
  const Session eve{bench.account("eve"), DeviceId{3}};
  ASSERT_TRUE(send(ann, text(1, "hi")));
  const auto foreign = send(eve, text(1, "hi"));
  const auto nonsense = bench.ask<wire::SendReply>(Verb::c2c_send, eve, 12'345, text(1, "hi"));
  const auto group = bench.ask<wire::SendReply>(Verb::c2c_send, eve, 1ULL << 62, text(1, "hi"));
  EXPECT_EQ(code_of(foreign), Errc::not_found);
  EXPECT_EQ(foreign.error().detail, nonsense.error().detail);
  EXPECT_EQ(code_of(nonsense), Errc::not_found);
  EXPECT_EQ(code_of(group), Errc::not_found);
  EXPECT_EQ(stored(), 1u);
}

TEST_F(C2cSend, NeedsASession) {
  EXPECT_EQ(code_of(send(Session{}, text(1, "hi"))), Errc::unauthenticated);
}

TEST_F(C2cSend, RefusesMessagesToOneself) {
  const std::uint64_t self = (ann.user.value << 31) | ann.user.value;
  EXPECT_EQ(code_of(bench.ask<wire::SendReply>(Verb::c2c_send, ann, self, text(1, "me"))),
            Errc::not_found);
}

TEST_F(C2cSend, StoresOnceWhenTheReplyOfACommitWasLost) {
  bench.database->set_faults({.lose_replies = 1});
  EXPECT_EQ(code_of(send(ann, text(1, "hi"))), Errc::retry_later);
  EXPECT_TRUE(bench.deliveries.empty()) << "nobody knows yet that it is stored";
  EXPECT_EQ(send(ann, text(1, "hi"))->seq(), 1u);
  EXPECT_EQ(stored(), 1u);
}

TEST_F(C2cSend, AsksToRetryWhileTheDatabaseIsAway) {
  bench.database->set_faults({.fail_calls = 1});
  EXPECT_EQ(code_of(send(ann, text(1, "hi"))), Errc::retry_later) << "before the first message";
  EXPECT_EQ(send(ann, text(1, "hi"))->seq(), 1u);
  bench.database->set_faults({.fail_calls = 1});
  EXPECT_EQ(code_of(send(ann, text(2, "ho"))), Errc::retry_later) << "in an open conversation";
  EXPECT_TRUE(bench.deliveries.empty());
  EXPECT_EQ(stored(), 1u);
}

TEST_F(C2cSend, SaysWhenTheDiskIsFull) {
  ASSERT_TRUE(send(ann, text(1, "hi")));
  bench.database->set_faults({.fill_disk = 1});
  EXPECT_EQ(code_of(send(ann, text(2, "ho"))), Errc::storage_full);
}

TEST_F(C2cSend, OpensAgainWhatARestoredDatabaseHasForgotten) {
  ASSERT_TRUE(send(ann, text(1, "hi")));
  bench.database->logs.clear();
  EXPECT_EQ(code_of(send(ann, text(2, "ho"))), Errc::retry_later);
  EXPECT_EQ(send(ann, text(2, "ho"))->seq(), 1u);
}

}  // namespace
}  // namespace parley::test
