#include "tests/unit/workers/bench.h"

namespace parley::test {
namespace {

struct C2cReceipt : testing::Test {
  Bench bench;
  Session ann{bench.account("ann"), DeviceId{1}};
  Session bob{bench.account("bob"), DeviceId{2}};
  std::uint64_t chat = direct_conversation(ann.user, bob.user).value;

  void SetUp() override {
    for (unsigned i = 1; i <= 5; ++i)
      ASSERT_TRUE(bench.ask<wire::SendReply>(Verb::c2c_send, ann, chat, text(i, "hi")));
  }
  static wire::ReceiptRequest receipt(std::uint64_t received, std::uint64_t read) {
    wire::ReceiptRequest request;
    request.set_received(received);
    request.set_read(read);
    return request;
  }
  Result<wire::ReceiptReply> move(const Session& who, std::uint64_t received, std::uint64_t read) {
    return bench.ask<wire::ReceiptReply>(Verb::c2c_receipt, who, chat, receipt(received, read));
  }
  wire::ReceiptNotice noticed(std::size_t i = 0) {
    wire::ReceiptNotice notice;
    EXPECT_TRUE(notice.ParseFromString(bench.deliveries.at(i).body));
    return notice;
  }
};

TEST_F(C2cReceipt, MovesCursorsAndTellsTheOthers) {
  const auto reply = move(bob, 4, 2);
  EXPECT_EQ(reply->received(), 4u);
  EXPECT_EQ(reply->read(), 2u);
  ASSERT_EQ(bench.deliveries.size(), 1u);
  const Delivery& delivery = bench.deliveries[0];
  EXPECT_EQ(delivery.notice, Notice::c2c_receipt_notice);
  EXPECT_EQ(delivery.users, (std::vector<UserId>{bob.user, ann.user}));
  EXPECT_EQ(delivery.skip_device, bob.device);
  EXPECT_EQ(delivery.key, chat);
  EXPECT_EQ(noticed().user(), bob.user.value);
  EXPECT_EQ(noticed().received(), 4u);
  EXPECT_EQ(noticed().read(), 2u);
}

TEST_F(C2cReceipt, ReadImpliesReceived) { EXPECT_EQ(move(bob, 0, 3)->received(), 3u); }

TEST_F(C2cReceipt, NeverMovesBackwardsAndThenTellsNobody) {
  ASSERT_TRUE(move(bob, 4, 4));
  const auto back = move(bob, 2, 1);
  EXPECT_EQ(back->received(), 4u);
  EXPECT_EQ(back->read(), 4u);
  EXPECT_TRUE(bench.deliveries.empty());
  bench.restart();
  ASSERT_TRUE(move(bob, 4, 4));
  EXPECT_TRUE(bench.deliveries.empty()) << "a worker that remembers nothing must look first";
}

TEST_F(C2cReceipt, ThatAnotherWorkerHadBeforeIsToldAgain) {
  ASSERT_TRUE(move(bob, 4, 2));
  bench.restart();  // that one died before it could tell
  ASSERT_TRUE(bench.ask_raw(Verb::c2c_receipt,
                            {bob, chat, receipt(4, 2).SerializeAsString(), /*attempt=*/2}));
  ASSERT_EQ(bench.deliveries.size(), 1u);
  EXPECT_EQ(noticed().received(), 4u);
  EXPECT_EQ(noticed().read(), 2u);
}

TEST_F(C2cReceipt, IsCutToTheNewestEntry) {
  EXPECT_EQ(move(bob, ~0ULL, 77)->received(), 5u);
  EXPECT_EQ(noticed().read(), 5u);
  bench.restart();
  EXPECT_EQ(move(bob, 1'000'000, 0)->received(), 5u);
}

TEST_F(C2cReceipt, FollowsALogThatAnotherWorkerExtended) {
  ASSERT_EQ(move(bob, 5, 5)->read(), 5u);
  Bench::request(Verb::c2c_send, {});
  const NewEntry entry{.conversation = ConversationId{chat},
                       .sender = ann.user,
                       .client_id = {9},
                       .kind = 1,
                       .body = "elsewhere"};
  ASSERT_TRUE(bench.log.append(std::span(&entry, 1))[0]);
  EXPECT_EQ(move(bob, 6, 6)->read(), 6u);
}

TEST_F(C2cReceipt, OfOneUserInOneBatchBecomeOneMoveAndOneNotice) {
  const auto of = [&](const Session& who, std::uint64_t upto) {
    Question question{who, chat, receipt(upto, 0).SerializeAsString()};
    question.trace = 100 + upto;
    return question;
  };
  const auto outcome =
      bench.ask_batch(Verb::c2c_receipt, {of(bob, 1), of(bob, 3), of(ann, 5), of(bob, 2)});
  for (const std::size_t i : {0u, 1u, 3u}) {
    wire::ReceiptReply reply;
    ASSERT_TRUE(reply.ParseFromString(outcome.answers[i]->body));
    EXPECT_EQ(reply.received(), 3u);
  }
  ASSERT_EQ(outcome.deliveries.size(), 2u);
  EXPECT_EQ(noticed(0).user(), bob.user.value);
  EXPECT_EQ(noticed(0).received(), 3u);
  EXPECT_EQ(noticed(1).user(), ann.user.value);
  EXPECT_EQ(outcome.deliveries[0].trace, 101u) << "of the first of them";
  EXPECT_EQ(outcome.deliveries[1].trace, 105u);
}

TEST_F(C2cReceipt, FromTwoDevicesAtOnceSkipNeither) {
  Session bobs_other = bob;
  bobs_other.device = DeviceId{3};
  bench.ask_batch(Verb::c2c_receipt, {{bob, chat, receipt(1, 0).SerializeAsString()},
                                      {bobs_other, chat, receipt(2, 0).SerializeAsString()}});
  ASSERT_EQ(bench.deliveries.size(), 1u);
  EXPECT_EQ(bench.deliveries[0].skip_device, DeviceId{});
}

TEST_F(C2cReceipt, OfStrangersAreNotFound) {
  const Session eve{bench.account("eve"), DeviceId{3}};
  EXPECT_EQ(code_of(move(eve, 1, 1)), Errc::not_found);
  const std::uint64_t silent = direct_conversation(ann.user, eve.user).value;
  EXPECT_EQ(code_of(bench.ask<wire::ReceiptReply>(Verb::c2c_receipt, eve, silent, receipt(1, 1))),
            Errc::not_found)
      << "nobody has said anything there";
}

TEST_F(C2cReceipt, AskToRetryWhileTheDatabaseIsAway) {
  bench.restart();
  for (unsigned failing = 0; failing < 3; ++failing) {
    bench.database->set_faults({.fail_calls = 1});
    EXPECT_EQ(code_of(move(bob, 1, 0)), Errc::retry_later);
    EXPECT_TRUE(bench.deliveries.empty());
  }
  EXPECT_TRUE(move(bob, 1, 0));
}

}  // namespace
}  // namespace parley::test
