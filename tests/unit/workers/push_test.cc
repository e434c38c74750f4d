#include "proto/push.pb.h"
#include "tests/support/refill.h"
#include "tests/unit/workers/bench.h"
#include "workers/account_rules.h"

namespace parley::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr InstanceId north{1};

std::string fate_name(wire::Fate fate) {
  switch (fate) {
    case wire::FATE_SENT: return "SENT";
    case wire::FATE_OFFLINE: return "OFFLINE";
    case wire::FATE_STORED: return "STORED";
    case wire::FATE_UNKNOWN_USER: return "UNKNOWN_USER";
    default: return "?";
  }
}

std::string in_words(const wire::PublishReply& reply) {
  std::string words;
  for (const auto& receipt : reply.receipts()) {
    words += std::to_string(receipt.user()) + " " + fate_name(receipt.fate());
    if (receipt.number() != 0) words += " " + std::to_string(receipt.number());
    words += "; ";
  }
  return words;
}

struct Push : testing::Test {
  Bench bench;
  UserId ann = bench.account("ann");
  UserId bob = bench.account("bob");

  static wire::PublishRequest request(wire::Keep keep, const std::vector<std::uint64_t>& users,
                                      const std::string& body = "hello") {
    wire::PublishRequest message;
    message.set_publish_id(client_id(1));
    message.set_publisher("payroll");
    message.set_keep(keep);
    for (const std::uint64_t user : users) message.add_users(user);
    message.set_body(body);
    return message;
  }
  Result<wire::PublishReply> publish(const wire::PublishRequest& message,
                                     std::string_view sender = "payroll") {
    Question question{{}, 0, message.SerializeAsString()};
    question.gateway = instance_id(sender);
    const auto answer = bench.ask_raw(Verb::push_publish, question);
    if (!answer) return tl::unexpected(answer.error());
    wire::PublishReply reply;
    EXPECT_TRUE(reply.ParseFromString(answer->body));
    return reply;
  }
  Result<wire::PublishReply> store(const std::vector<std::uint64_t>& users,
                                   const std::string& body = "hello") {
    return publish(request(wire::KEEP_STORED, users, body));
  }
  UserId service() { return (*bench.users.account_named("service:payroll"))->id; }
};

TEST_F(Push, StoredGoesIntoTheConversationWithTheServiceAccount) {
  const auto reply = store({ann.value, bob.value});
  ASSERT_TRUE(reply) << reply.error().detail;
  EXPECT_EQ(in_words(*reply), "1 STORED 1; 2 STORED 1; ");
  const auto conversation = direct_conversation(service(), ann);
  EXPECT_EQ(reply->receipts(0).conversation(), conversation.value);
  const auto page = bench.log.range(conversation, Seq{1}, Seq{9}, {});
  ASSERT_THAT(page->entries, SizeIs(1));
  EXPECT_EQ(page->entries[0].sender, service());
  EXPECT_EQ(page->entries[0].body, "hello");
  EXPECT_EQ(page->entries[0].kind, wire::MESSAGE_KIND_TEXT);
  EXPECT_THAT(*bench.users.conversations(ann, {}, 10), SizeIs(1)) << "found by sync";
  ASSERT_THAT(bench.deliveries, SizeIs(2));
  EXPECT_EQ(bench.deliveries[0].notice, Notice::c2c_message);
  EXPECT_THAT(bench.deliveries[0].users, ElementsAre(service(), ann));
  const auto account = bench.users.account_named("service:payroll");
  EXPECT_EQ((*account)->nickname, "payroll");
}

TEST_F(Push, TheSameAgainByAnyWorkerStoresNothingTwiceAndGivesTheSameReceipts) {
  const auto first = store({ann.value, bob.value});
  bench.restart();
  const auto again = store({ann.value, bob.value});
  EXPECT_EQ(in_words(*again), in_words(*first));
  EXPECT_THAT(bench.deliveries, SizeIs(2)) << "the first worker may have died before it told them";
  EXPECT_EQ(bench.log.heads(std::array{direct_conversation(service(), ann)})->at(0), Seq{1});
}

TEST_F(Push, ACrashBetweenCommitAndAnswerIsHealedByRepeating) {
  store({bob.value});
  auto message = request(wire::KEEP_STORED, {ann.value, bob.value}, "second");
  message.set_publish_id(client_id(2));
  bench.database->set_faults({.lose_replies = 1});
  EXPECT_EQ(code_of(publish(message)), Errc::retry_later);
  bench.restart();
  EXPECT_EQ(in_words(*publish(message)), "1 STORED 1; 2 STORED 2; ");
  EXPECT_EQ(in_words(*publish(message)), "1 STORED 1; 2 STORED 2; ");
}

TEST_F(Push, TheSameIdWithAnotherBodyIsAConflict) {
  ASSERT_TRUE(store({ann.value}));
  EXPECT_EQ(code_of(store({ann.value}, "else")), Errc::conflict);
}

TEST_F(Push, UnknownUsersAreSaidToBeSoAndHarmNoOther) {
  EXPECT_EQ(in_words(*store({77, ann.value, 0, ~0ULL, ann.value})),
            "77 UNKNOWN_USER; 1 STORED 1; 0 UNKNOWN_USER; 18446744073709551615 UNKNOWN_USER; "
            "1 STORED 1; ");
  EXPECT_EQ(in_words(*store({service().value})), "3 UNKNOWN_USER; ")
      << "it does not write to itself";
}

TEST_F(Push, WhatIsNoTextIsStoredAsCustom) {
  ASSERT_TRUE(store({ann.value}, std::string("\0\xff", 2)));
  const auto page = bench.log.range(direct_conversation(service(), ann), Seq{1}, Seq{1}, {});
  EXPECT_EQ(page->entries.at(0).kind, wire::MESSAGE_KIND_CUSTOM);
}

TEST_F(Push, PublishersThatDifferInCaseOnlyDoNotSpeakAsOne) {
  ASSERT_TRUE(store({ann.value}));
  auto message = request(wire::KEEP_STORED, {ann.value});
  message.set_publisher("PAYROLL");
  EXPECT_EQ(code_of(publish(message, "PAYROLL")), Errc::conflict);
}

TEST_F(Push, NobodyRegistersAsAService) {
  wire::RegisterRequest sign_up;
  for (const char* name : {"service:payroll", "SERVICE:x", "service:"}) {
    sign_up.set_name(name);
    sign_up.set_password("correct horse");
    EXPECT_EQ(code_of(bench.ask<wire::RegisterReply>(Verb::login_register, {}, 0, sign_up)),
              Errc::bad_request);
  }
  EXPECT_TRUE(check_new_name("services"));
}

TEST_F(Push, NobodyLogsInAsAServiceAndItTakesAsLongAsForOthers) {
  ASSERT_TRUE(store({ann.value}));
  wire::PasswordRequest log_in;
  log_in.set_name("service:payroll");
  log_in.set_password("anything at all");
  log_in.mutable_device()->set_id(1);
  log_in.mutable_device()->set_device_class(wire::DEVICE_CLASS_PC);
  EXPECT_EQ(code_of(bench.ask<wire::LoginReply>(Verb::login_password, {}, 0, log_in)),
            Errc::refused);
  EXPECT_THAT(bench.hasher.verified, ElementsAre(bench.hasher.nobodys_hash()));
}

TEST_F(Push, OnlineOnlyGoesToWhoIsThereAndStoresNothing) {
  ASSERT_TRUE(refill(bench.routes));
  ASSERT_TRUE(bench.routes.add(north, std::array{ann}));
  const auto reply = publish(request(wire::KEEP_ONLINE_ONLY, {bob.value, ann.value, 77}));
  EXPECT_EQ(in_words(*reply), "2 OFFLINE; 1 SENT; 77 OFFLINE; ");
  ASSERT_THAT(bench.deliveries, SizeIs(1));
  const Delivery& delivery = bench.deliveries[0];
  EXPECT_EQ(delivery.notice, Notice::push_message);
  EXPECT_EQ(delivery.target, instance_id("payroll").value);
  EXPECT_THAT(delivery.users, ElementsAre(ann));
  wire::PushNotice notice;
  ASSERT_TRUE(notice.ParseFromString(delivery.body));
  EXPECT_EQ(notice.publish_id(), client_id(1));
  EXPECT_EQ(notice.publisher(), "payroll");
  EXPECT_EQ(notice.body(), "hello");
  EXPECT_FALSE(*bench.users.account_named("service:payroll"));
}

TEST_F(Push, WithoutTheRouteCacheEveryGatewayIsTold) {
  bench.database->set_faults({.fail_calls = 1});
  EXPECT_EQ(in_words(*publish(request(wire::KEEP_ONLINE_ONLY, {ann.value}))), "1 SENT; ");
  EXPECT_THAT(bench.deliveries, SizeIs(1));
}

TEST_F(Push, EveryoneIsOneDeliveryWithoutUsers) {
  auto message = request(wire::KEEP_ONLINE_ONLY, {});
  message.set_everyone(true);
  const auto reply = publish(message);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->receipts_size(), 0);
  ASSERT_THAT(bench.deliveries, SizeIs(1));
  EXPECT_EQ(bench.deliveries[0].reach, Reach::everyone);
  EXPECT_THAT(bench.deliveries[0].users, IsEmpty());
}

TEST_F(Push, SomebodyElsesNameIsRefused) {
  EXPECT_EQ(code_of(publish(request(wire::KEEP_STORED, {ann.value}), "audit")), Errc::refused);
}

TEST_F(Push, BadRequestsAreAnsweredDefinitely) {
  const auto refusal = [&](auto change) {
    auto message = request(wire::KEEP_STORED, {ann.value});
    change(message);
    return code_of(publish(message));
  };
  EXPECT_EQ(refusal([](auto& m) { m.set_publish_id("short"); }), Errc::bad_request);
  EXPECT_EQ(refusal([](auto& m) { m.set_keep(wire::KEEP_UNSPECIFIED); }), Errc::bad_request);
  EXPECT_EQ(refusal([](auto& m) { m.set_keep(static_cast<wire::Keep>(9)); }), Errc::bad_request);
  EXPECT_EQ(refusal([](auto& m) { m.set_everyone(true); }), Errc::bad_request);
  EXPECT_EQ(refusal([](auto& m) { m.clear_users(); }), Errc::bad_request);
  EXPECT_EQ(refusal([](auto& m) { m.clear_body(); }), Errc::bad_request);
  EXPECT_EQ(refusal([](auto& m) { m.set_body(std::string(limits::text_max + 1, 'x')); }),
            Errc::too_large);
  EXPECT_EQ(refusal([](auto& m) {
              for (std::size_t i = 0; i < limits::publish_users_max; ++i) m.add_users(i + 1);
            }),
            Errc::bad_request);
  EXPECT_EQ(refusal([](auto& m) {
              m.set_keep(wire::KEEP_ONLINE_ONLY);
              m.set_everyone(true);
            }),
            Errc::bad_request);
}

}  // namespace
}  // namespace parley::test
