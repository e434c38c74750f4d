#include "proto/event.pb.h"
#include "store/limits.h"
#include "tests/unit/workers/bench.h"

namespace parley::test {
namespace {

using testing::SizeIs;

struct Events : testing::Test {
  Bench bench;
  UserId ann = bench.account("ann");
  UserId bob = bench.account("bob");
  std::uint64_t chat = direct_conversation(ann, bob).value;

  template <typename Reply, typename Message>
  Result<Reply> ask(Verb verb, const Message& message, std::uint64_t peer = 5) {
    Question question{{}, 0, message.SerializeAsString()};
    question.gateway = InstanceId{peer};
    const auto answer = bench.ask_raw(verb, question);
    if (!answer) return tl::unexpected(answer.error());
    Reply reply;
    EXPECT_TRUE(reply.ParseFromString(answer->body));
    return reply;
  }
  Result<wire::SubscribeReply> subscribe(const std::vector<int>& kinds) {
    wire::SubscribeRequest message;
    for (const int kind : kinds) message.add_kinds(static_cast<wire::EventKind>(kind));
    return ask<wire::SubscribeReply>(Verb::event_subscribe, message);
  }
  Result<wire::EventPullReply> pull(std::uint64_t cursor, std::uint32_t limit = 100,
                                    std::uint64_t peer = 5) {
    wire::EventPullRequest message;
    message.set_cursor(cursor);
    message.set_limit(limit);
    return ask<wire::EventPullReply>(Verb::event_pull, message, peer);
  }
  void say(unsigned id, const std::string& body) {
    ASSERT_TRUE(
        bench.ask<wire::SendReply>(Verb::c2c_send, {ann, DeviceId{1}}, chat, text(id, body)));
    ASSERT_TRUE(bench.events.sweep({}, bench.moment.wall_ms, Busy::skip));
  }
  void report(bool present) {
    wire::RouteReport message;
    if (present) message.add_present(ann.value);
    else message.add_gone(ann.value);
    ASSERT_TRUE(bench.ask<wire::RouteReportReply>(Verb::route_report, {}, 0, message));
  }
};

TEST_F(Events, AMessageIsToldWithAllThatItsReceiversSee) {
  EXPECT_EQ(subscribe({wire::EVENT_KIND_MESSAGE})->cursor(), 0U);
  say(3, "hello");
  const auto page = pull(0);
  ASSERT_TRUE(page);
  ASSERT_THAT(page->events(), SizeIs(1));
  const wire::Event& event = page->events(0);
  EXPECT_EQ(event.cursor(), 1U);
  EXPECT_EQ(event.kind(), wire::EVENT_KIND_MESSAGE);
  EXPECT_FALSE(event.has_presence());
  EXPECT_EQ(event.message().conversation(), chat);
  EXPECT_EQ(event.message().receiver(), bob.value);
  EXPECT_EQ(event.message().entry().sender(), ann.value);
  EXPECT_EQ(event.message().entry().seq(), 1U);
  EXPECT_EQ(event.message().entry().client_id(), client_id(3));
  EXPECT_EQ(event.message().entry().kind(), wire::MESSAGE_KIND_TEXT);
  EXPECT_EQ(event.message().entry().body(), "hello");
  EXPECT_EQ(event.message().entry().time_ms(), bench.moment.wall_ms);
  EXPECT_EQ(page->cursor(), 1U);
  EXPECT_FALSE(page->more());
}

TEST_F(Events, APageEndsAtItsLimit) {
  subscribe({wire::EVENT_KIND_MESSAGE});
  for (unsigned id = 0; id < 3; ++id) say(id, "x");
  const auto page = pull(0, 2);
  EXPECT_THAT(page->events(), SizeIs(2));
  EXPECT_TRUE(page->more());
  EXPECT_THAT(pull(page->cursor(), ~0U)->events(), SizeIs(1));
  EXPECT_EQ(pull(1, 2)->lost_before(), 2U) << "2 was acknowledged";
}

TEST_F(Events, WhoComesAndGoesIsToldFromTheReportsOfGateways) {
  subscribe({wire::EVENT_KIND_PRESENCE});
  report(true);
  report(true);
  report(false);
  const auto page = pull(0);
  ASSERT_THAT(page->events(), SizeIs(2));
  EXPECT_EQ(page->events(0).kind(), wire::EVENT_KIND_PRESENCE);
  EXPECT_EQ(page->events(0).presence().user(), ann.value);
  EXPECT_TRUE(page->events(0).presence().online());
  EXPECT_EQ(page->events(0).presence().time_ms(), bench.moment.wall_ms);
  EXPECT_FALSE(page->events(1).presence().online());
}

TEST_F(Events, WhoIsStillConnectedElsewhereIsNotGone) {
  subscribe({wire::EVENT_KIND_PRESENCE});
  report(true);
  ASSERT_TRUE(bench.routes.add(InstanceId{3}, std::array{ann}));
  report(false);
  EXPECT_THAT(pull(0)->events(), SizeIs(1));
}

TEST_F(Events, AReportThatCouldNotBeToldIsRepeatedAndThenTold) {
  subscribe({wire::EVENT_KIND_PRESENCE});
  report(true);
  wire::RouteReport gone;
  gone.add_gone(ann.value);
  bench.database->set_faults({.lose_replies = 1});
  EXPECT_EQ(code_of(bench.ask<wire::RouteReportReply>(Verb::route_report, {}, 0, gone)),
            Errc::retry_later);
  report(false);
  EXPECT_THAT(pull(0)->events(), SizeIs(2)) << "told once all the same";
}

TEST_F(Events, PresenceCostsReportsNothingWhileNobodyWantsIt) {
  report(true);
  subscribe({wire::EVENT_KIND_PRESENCE});
  report(false);
  EXPECT_THAT(pull(0)->events(), SizeIs(0)) << "asked for less than a second ago";
  bench.pass(1s);
  report(true);
  EXPECT_THAT(pull(0)->events(), SizeIs(1));
}

TEST_F(Events, BadRequestsAreAnsweredDefinitely) {
  EXPECT_EQ(code_of(pull(0)), Errc::not_found);
  EXPECT_EQ(code_of(subscribe({})), Errc::bad_request);
  EXPECT_EQ(code_of(subscribe({wire::EVENT_KIND_UNSPECIFIED})), Errc::bad_request);
  EXPECT_EQ(code_of(subscribe({wire::EVENT_KIND_MESSAGE, 3})), Errc::bad_request);
  ASSERT_TRUE(subscribe({wire::EVENT_KIND_MESSAGE, wire::EVENT_KIND_MESSAGE}));
  EXPECT_EQ(code_of(pull(0, 0)), Errc::bad_request);
  EXPECT_EQ(code_of(pull(1)), Errc::bad_request) << "of the future";
  EXPECT_EQ(code_of(pull(~0ULL)), Errc::bad_request);
  EXPECT_EQ(code_of(pull(0, 1, 6)), Errc::not_found) << "somebody else's";
}

TEST_F(Events, AnEndedSubscriptionIsNoneAndEndingItAgainIsFine) {
  subscribe({wire::EVENT_KIND_MESSAGE});
  for (int i = 0; i < 2; ++i)
    EXPECT_TRUE(
        ask<wire::UnsubscribeReply>(Verb::event_unsubscribe, wire::UnsubscribeRequest()));
  EXPECT_EQ(code_of(pull(0)), Errc::not_found);
}

}  // namespace
}  // namespace parley::test
