// Business systems at a broker: what they may be, ask, serve and say.
#include "tests/unit/bus/business_harness.h"

namespace parley::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Verdicts = std::map<std::uint64_t, Errc>;

const PeerKey payroll = BusinessBus::business_key("payroll");

TEST(App, ReceivesWhatClientsAskAndItsAnswerReturns) {
  BusinessBus bus;
  bus.register_business("payroll", {.apps = {"app.payroll"}});
  bus.ask(1, "app.payroll");
  const auto asked = bus.take(payroll, EnvelopeKind::request);
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].header.user, UserId{7});
  EXPECT_EQ(asked[0].header.device, DeviceId{8});
  EXPECT_EQ(asked[0].header.attempt, 1);
  EXPECT_EQ(asked[0].body, "question");
  bus.answer(payroll, 1);
  const auto replies = bus.replies();
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].header.error, 0);
  EXPECT_EQ(replies[0].header.verb, app_request);
  EXPECT_EQ(replies[0].header.trace, 99U);
  EXPECT_EQ(replies[0].body, "answer");
}

TEST(App, ThatNobodyOffersIsRefusedAtOnceAlsoDuringTheGrace) {
  BusinessBus bus;
  bus.ask(1, "app.payroll");
  EXPECT_EQ(bus.verdicts(), (Verdicts{{1, Errc::no_service}}));
  bus.register_business("payroll", {.apps = {"app.payroll"}});
  bus.ask(2, "app.other");
  EXPECT_EQ(bus.verdicts(), (Verdicts{{2, Errc::no_service}}));
}

TEST(App, WhoseLastServerDiesAnswersNoServiceForWhatItHeld) {
  BusinessBus bus;
  bus.register_business("payroll", {.apps = {"app.payroll"}, .credit = {.messages = 1}});
  bus.ask(1, "app.payroll");
  bus.ask(2, "app.payroll");  // waits for credit
  bus.unreachable(payroll);
  EXPECT_EQ(bus.verdicts(), (Verdicts{{1, Errc::no_service}, {2, Errc::no_service}}));
  EXPECT_EQ(bus.broker.held(), 0U);
  bus.ask(3, "app.payroll");
  EXPECT_EQ(bus.verdicts(), (Verdicts{{3, Errc::no_service}}));
}

TEST(App, IsTakenOverByAnotherServer) {
  BusinessBus bus;
  bus.register_business("a", {.apps = {"app.payroll"}});
  bus.register_business("b", {.apps = {"app.payroll"}});
  bus.ask(1, "app.payroll");
  const PeerKey a = BusinessBus::business_key("a");
  const PeerKey b = BusinessBus::business_key("b");
  const bool a_was_first = !bus.take(a, EnvelopeKind::request).empty();
  bus.unreachable(a_was_first ? a : b);
  const auto again = bus.take(a_was_first ? b : a, EnvelopeKind::request);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].header.attempt, 2);
}

// Two servers of an app have died with 1; a third is there.
struct RestingApp : BusinessBus {
  const PeerKey third = business_key("c");

  RestingApp() {
    for (const std::string name : {"a", "b"}) register_business(name, {.apps = {"app.payroll"}});
    ask(1, "app.payroll");
    const bool a_was_first = !take(business_key("a"), EnvelopeKind::request).empty();
    unreachable(business_key(a_was_first ? "a" : "b"));
    register_business("c", {.apps = {"app.payroll"}});
    unreachable(business_key(a_was_first ? "b" : "a"));
  }
};

TEST(App, RestsBeforeALastAttemptAndIsNotRefusedMeanwhile) {
  RestingApp bus;
  bus.ask(2, "app.payroll");
  EXPECT_THAT(bus.verdicts(), IsEmpty());
  bus.rest({BusinessBus::gateway_key("g"), bus.third});
  bus.ask(3, "app.payroll");
  const auto asked = bus.take(bus.third, EnvelopeKind::request);
  ASSERT_EQ(asked.size(), 3U);
  for (std::uint64_t i = 0; i < 3; ++i) EXPECT_EQ(asked[i].header.id.number, i + 1);
  EXPECT_EQ(asked[0].header.attempt, limits::attempts_max);
}

TEST(App, WhoseLastServerDiesAnswersNoServiceForWhatRests) {
  RestingApp bus;
  bus.ask(2, "app.payroll");
  bus.unreachable(bus.third);
  EXPECT_EQ(bus.verdicts(), (Verdicts{{1, Errc::no_service}, {2, Errc::no_service}}));
  EXPECT_EQ(bus.broker.held(), 0U);
}

TEST(App, WhoseOnlyServerDrainsTakesNothingNew) {
  BusinessBus bus;
  bus.register_business("payroll", {.apps = {"app.payroll"}});
  bus.ask(1, "app.payroll");
  bus.say(payroll, EnvelopeKind::drain);
  bus.ask(2, "app.payroll", UserId{9});
  EXPECT_EQ(bus.verdicts(), (Verdicts{{2, Errc::no_service}}));
  bus.answer(payroll, 1);
  EXPECT_EQ(bus.verdicts(), (Verdicts{{1, answered}}));
}

TEST(App, CannotSayWhatAGatewayWouldActOn) {
  BusinessBus bus;
  bus.register_business("payroll", {.apps = {"app.payroll"}});
  bus.ask(1, "app.payroll");
  bus.answer(payroll, 1,
             {.verb = static_cast<std::uint16_t>(Verb::login_password),
              .flags = flag_binds_session,
              .user = UserId{1},
              .device = DeviceId{2},
              .generation = Generation{3},
              .target = 4,
              .trace = 5});
  const auto replies = bus.replies();
  ASSERT_EQ(replies.size(), 1U);
  const EnvelopeHeader expected{
      .kind = EnvelopeKind::reply, .verb = app_request, .id = BusinessBus::id(1), .trace = 99};
  EXPECT_EQ(replies[0].header, expected);
}

TEST(App, AnswersErrorsOfServicesOnly) {
  const std::map<Errc, Errc> passed_on{
      {Errc::not_found, Errc::not_found},        {Errc::conflict, Errc::conflict},
      {Errc::retry_later, Errc::retry_later},    {Errc::refused, Errc::refused},
      {Errc::unauthenticated, Errc::internal},   {Errc::going_away, Errc::internal},
      {Errc::bad_frame, Errc::internal},         {Errc::revoked, Errc::internal},
      {static_cast<Errc>(4'711), Errc::internal}};
  BusinessBus bus;
  bus.register_business("payroll", {.apps = {"app.payroll"}});
  for (std::uint64_t number = 1; const auto& [said, expected] : passed_on) {
    bus.ask(number, "app.payroll");
    bus.answer(payroll, number, {.error = static_cast<std::uint16_t>(said)});
    EXPECT_EQ(bus.verdicts(), (Verdicts{{number, expected}})) << static_cast<int>(said);
    ++number;
  }
}

TEST(App, AnswersNoMoreThanAFrameHolds) {
  BusinessBus bus;
  bus.register_business("payroll", {.apps = {"app.payroll"}});
  bus.ask(1, "app.payroll");
  bus.answer(payroll, 1, {}, std::string(limits::frame_body_max + 1, 'x'));
  EXPECT_EQ(bus.verdicts(), (Verdicts{{1, Errc::internal}}));
}

TEST(App, TheirNumberIsBounded) {
  BusinessBus bus({.apps_max = 2});
  bus.register_business("a", {.apps = {"app.1", "app.2"}});
  bus.register_business("b", {.apps = {"app.2"}});
  EXPECT_TRUE(bus.is_registered(BusinessBus::business_key("b")));
  bus.register_business("c", {.apps = {"app.3"}});
  EXPECT_EQ(bus.refusal(BusinessBus::business_key("c")), Errc::retry_later);
  bus.unreachable(BusinessBus::business_key("a"));  // app.1 is gone with it, app.2 is not
  bus.register_business("c", {.apps = {"app.3"}});
  EXPECT_TRUE(bus.is_registered(BusinessBus::business_key("c")));
}

TEST(BusinessRequest, IsAskedWithoutAUser) {
  BusinessBus bus;
  bus.register_business("payroll", {});
  bus.give(payroll,
           {.verb = push_publish,
            .flags = 3,
            .key = 5,
            .id = BusinessBus::id(1, "payroll"),
            .user = UserId{1},
            .device = DeviceId{2},
            .generation = Generation{3},
            .target = 4,
            .origin = 6,
            .trace = 7,
            .ttl_ms = 1'000},
           "body");
  const auto asked = bus.take(BusinessBus::worker_key("w"), EnvelopeKind::request);
  ASSERT_EQ(asked.size(), 1U);
  const EnvelopeHeader expected{.kind = EnvelopeKind::request,
                                .verb = push_publish,
                                .attempt = 1,
                                .key = 5,
                                .id = BusinessBus::id(1, "payroll"),
                                .target = 4,
                                .trace = 7,
                                .ttl_ms = 1'000};
  EXPECT_EQ(asked[0].header, expected);
  EXPECT_EQ(asked[0].body, "body");
  bus.give(BusinessBus::worker_key("w"),
           {.kind = EnvelopeKind::reply, .id = BusinessBus::id(1, "payroll")}, "receipts");
  EXPECT_EQ(bus.replies("payroll").size(), 1U);
}

TEST(BusinessRequest, WithoutATraceGetsOneThatARepetitionHasToo) {
  const auto trace_of_request = [](std::uint64_t number) {
    BusinessBus bus;
    bus.register_business("payroll", {});
    bus.give(payroll,
             {.verb = push_publish, .id = BusinessBus::id(number, "payroll"), .ttl_ms = 1'000}, {});
    const auto asked = bus.take(BusinessBus::worker_key("w"), EnvelopeKind::request);
    return asked.at(0).header.trace;
  };
  EXPECT_NE(trace_of_request(1), 0U);
  EXPECT_EQ(trace_of_request(1), trace_of_request(1)) << "at two brokers";
  EXPECT_NE(trace_of_request(1), trace_of_request(2));
}

TEST(BusinessRequest, ThatIsRefusedIsNobodysInATrace) {
  BusinessBus bus;
  bus.register_business("payroll", {});
  const auto send = static_cast<std::uint16_t>(Verb::c2c_send);
  bus.give(payroll,
           {.verb = send, .id = BusinessBus::id(1, "payroll"), .user = UserId{7}, .ttl_ms = 1'000},
           {});
  EXPECT_EQ(bus.replies("payroll").at(0).header.error,
            static_cast<std::uint16_t>(Errc::unsupported));
  wire::AdminRequest request;
  request.mutable_trace()->set_user(7);
  const PeerKey admin{Side::gateways, "operator"};
  bus.give(admin, {.kind = EnvelopeKind::admin}, request.SerializeAsString());
  wire::AdminReply reply;
  ASSERT_TRUE(reply.ParseFromString(bus.take(admin, EnvelopeKind::admin_reply).at(0).body));
  EXPECT_EQ(reply.trace().events_size(), 0) << "what it says of a user counts for nothing";
}

// Systems that hang must not fill the broker.
TEST(AppRequest, LeavesHalfOfTheBrokerToOthers) {
  const auto verdicts_of = [](const BrokerOptions& options) {
    BusinessBus bus(options);
    bus.register_business("payroll", {.apps = {"app.payroll"}});
    for (std::uint64_t number = 1; number <= 3; ++number) bus.ask(number, "app.payroll");
    EXPECT_EQ(bus.broker.held(), 2U);
    bus.request(4, 4);
    EXPECT_EQ(bus.broker.held(), 3U) << "the chat has room";
    bus.answer(payroll, 1);
    bus.ask(5, "app.payroll");
    EXPECT_EQ(bus.broker.held(), 3U) << "what was answered makes room";
    return bus.verdicts();
  };
  const Verdicts busy{{1, Errc{}}, {3, Errc::retry_later}};
  EXPECT_EQ(verdicts_of({.held_messages_max = 4}), busy);
  EXPECT_EQ(verdicts_of({.held_bytes_max = 420}), busy);  // 104 bytes each
}

TEST(BusinessRequest, OfAVerbThatIsNotForBusinessSystemsIsRefused) {
  BusinessBus bus;
  bus.register_business("payroll", {});
  for (const Verb verb : {Verb::c2c_send, Verb::login_password, Verb::route_report,
                          Verb::app_request, static_cast<Verb>(0x0299)}) {
    bus.give(payroll,
             {.verb = static_cast<std::uint16_t>(verb),
              .id = BusinessBus::id(1, "payroll"),
              .user = UserId{1},
              .ttl_ms = 1'000},
             {});
    const auto replies = bus.replies("payroll");
    ASSERT_EQ(replies.size(), 1U);
    EXPECT_EQ(replies[0].header.error, static_cast<std::uint16_t>(Errc::unsupported));
  }
  EXPECT_THAT(bus.take(BusinessBus::worker_key("w"), EnvelopeKind::request), IsEmpty());
  EXPECT_EQ(bus.counters().misplaced, 5U);
}

TEST(BusinessRequest, OfSomebodyElseIsDropped) {
  BusinessBus bus;
  bus.register_business("payroll", {});
  bus.give(payroll, {.verb = push_publish, .id = BusinessBus::id(1, "g"), .ttl_ms = 1'000}, {});
  EXPECT_EQ(bus.counters().misplaced, 1U);
  EXPECT_EQ(bus.broker.held(), 0U);
}

TEST(BusinessRequest, TooOftenIsRateLimitedAndThenGoesOn) {
  BusinessBus bus({.rates = {.business = {.count = 10, .burst = 2}}});
  bus.register_business("payroll", {});
  const auto publish = [&](std::uint64_t number) {
    bus.give(payroll,
             {.verb = push_publish, .id = BusinessBus::id(number, "payroll"), .ttl_ms = 9'000}, {});
  };
  for (std::uint64_t number = 1; number <= 3; ++number) publish(number);
  const auto replies = bus.replies("payroll");
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].header.error, static_cast<std::uint16_t>(Errc::rate_limited));
  EXPECT_GT(replies[0].header.retry_after_ms, 0U);
  bus.pass(100ms);
  publish(4);
  EXPECT_THAT(bus.replies("payroll"), IsEmpty());
}

// A key that is good for many names has one rate.
TEST(BusinessRequest, TooOftenGainsNothingByAnotherName) {
  BusinessBus bus({.rates = {.business = {.count = 1, .burst = 1}}});
  const Principal key{"key-of-crm", {Role::business}, "crm-*"};
  for (const std::string name : {"crm-1", "crm-2"}) {
    const PeerKey from = BusinessBus::business_key(name);
    bus.register_with_key(from, key, BusinessBus::wish_of(name, {}));
    bus.give_as(from, key,
                {.verb = push_publish, .id = BusinessBus::id(1, name), .ttl_ms = 9'000});
    const bool is_first = name == "crm-1";
    EXPECT_EQ(bus.replies(name).size(), is_first ? 0U : 1U) << name;
  }
  EXPECT_EQ(bus.counters().rate_limited, 1U);
}

TEST(BusinessRequest, TooOftenGainsNothingByRegisteringAnew) {
  BusinessBus bus({.rates = {.business = {.count = 1, .burst = 1}}});
  for (std::uint64_t boot = 1; boot <= 2; ++boot) {
    bus.register_business("payroll", {}, boot);
    const PeerKey from = BusinessBus::business_key("payroll", boot);
    bus.give(from,
             {.verb = push_publish, .id = BusinessBus::id(1, "payroll", boot), .ttl_ms = 9'000},
             {});
    EXPECT_EQ(bus.replies("payroll", boot).size(), boot - 1) << "refused the second time";
    bus.say(from, EnvelopeKind::bye);
  }
}

TEST(BusinessRequest, LargerThanItsVerbAllowsIsRefused) {
  BusinessBus bus;
  bus.register_business("payroll", {});
  const auto info = verb_info(push_publish);
  bus.give(payroll, {.verb = push_publish, .id = BusinessBus::id(1, "payroll"), .ttl_ms = 9'000},
           std::string(info->body_max + 1, 'x'));
  const auto replies = bus.replies("payroll");
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].header.error, static_cast<std::uint16_t>(Errc::too_large));
}

TEST(BusinessRequest, IsNotForGateways) {
  BusinessBus bus;
  bus.give(BusinessBus::gateway_key("g"),
           {.verb = push_publish, .id = BusinessBus::id(1), .ttl_ms = 9'000}, {});
  EXPECT_EQ(bus.verdicts(), (Verdicts{{1, Errc::unsupported}}));
  EXPECT_EQ(bus.counters().misplaced, 1U);
}

TEST(BusinessSystem, MaySayNothingThatIsForOthers) {
  BusinessBus bus;
  bus.register_business("payroll", {});
  for (const EnvelopeKind kind :
       {EnvelopeKind::deliver, EnvelopeKind::reply, EnvelopeKind::drain, EnvelopeKind::trace_answer,
        EnvelopeKind::unreachable, EnvelopeKind::registered, EnvelopeKind::trace_query,
        EnvelopeKind::status_reply}) {
    const auto before = bus.counters().misplaced;
    bus.give(payroll, {.kind = kind, .id = {.gateway = instance_id("g")}}, "x");
    EXPECT_EQ(bus.counters().misplaced, before + 1) << static_cast<int>(kind);
  }
  EXPECT_THAT(bus.take(BusinessBus::gateway_key("g"), EnvelopeKind::deliver), IsEmpty());
}

TEST(BusinessRegistration, IsRefusedIfNotWellFormed) {
  const auto verdict = [](const BusinessWish& wish, std::uint32_t service = 0,
                          Side side = Side::gateways) {
    BusinessBus bus;
    wire::RegisterPeer body = BusinessBus::wish_of("payroll", wish);
    if (service != 0) body.add_services(service);
    const PeerKey from{side, "x"};
    bus.give(from, BusinessBus::registration("payroll", 1), body.SerializeAsString());
    return bus.refusal(from);
  };
  EXPECT_EQ(verdict({}), std::nullopt);
  EXPECT_EQ(verdict({.apps = {"payroll"}}), Errc::bad_request);
  EXPECT_EQ(verdict({.apps = {"app."}}), Errc::bad_request);
  EXPECT_EQ(verdict({.apps = {"app.a b"}}), Errc::bad_request);
  EXPECT_EQ(verdict({.apps = {"app." + std::string(61, 'a')}}), Errc::bad_request);
  EXPECT_EQ(verdict({.apps = std::vector<std::string>(17, "app.a")}), Errc::bad_request);
  EXPECT_EQ(verdict({.apps = {"app.a"}, .credit = {.messages = 0}}), Errc::bad_request);
  EXPECT_EQ(verdict({}, 2), Errc::bad_request) << "a service of workers";
  EXPECT_EQ(verdict({}, 0, Side::workers), Errc::bad_request) << "among workers";
}

TEST(WorkerRegistration, CannotOfferApps) {
  BusinessBus bus;
  wire::RegisterPeer body;
  body.set_role(wire::PEER_ROLE_WORKER);
  body.set_name("x");
  body.set_credit_messages(1);
  body.set_credit_bytes(1);
  body.add_services(static_cast<std::uint32_t>(ServiceId::app));
  const PeerKey from = BusinessBus::worker_key("x");
  bus.give(from, BusinessBus::registration("x", 1), body.SerializeAsString());
  EXPECT_EQ(bus.refusal(from), Errc::bad_request);
  body.clear_services();
  body.add_services(2);
  body.add_apps("app.payroll");
  bus.give(from, BusinessBus::registration("x", 1), body.SerializeAsString());
  EXPECT_EQ(bus.refusal(from), Errc::bad_request);
}

}  // namespace
}  // namespace parley::test
