// What operators ask a broker: to drain somebody, about poison, where a request went.
#include "tests/unit/bus/business_harness.h"

namespace parley::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Verdicts = std::map<std::uint64_t, Errc>;

const PeerKey operator_key{Side::gateways, "operator"};

class AdminBus : public BusinessBus {
 public:
  using BusinessBus::BusinessBus;

  struct Reply {
    Errc error;
    wire::AdminReply body;
  };
  std::vector<Reply> replies_to_operator() {
    std::vector<Reply> replies;
    for (const auto& received : take(operator_key, EnvelopeKind::admin_reply)) {
      EXPECT_EQ(received.header.id.number, 77U) << "the asker's own id";
      Reply reply{static_cast<Errc>(received.header.error), {}};
      EXPECT_TRUE(reply.body.ParseFromString(received.body));
      replies.push_back(reply);
    }
    return replies;
  }
  void send(const wire::AdminRequest& request) {
    give(operator_key, {.kind = EnvelopeKind::admin, .id = {.number = 77}},
         request.SerializeAsString());
  }
  Reply ask_operator(const wire::AdminRequest& request) {
    send(request);
    auto replies = replies_to_operator();
    EXPECT_EQ(replies.size(), 1U);
    return replies.at(0);
  }
  Reply drain_by_name(const std::string& name) {
    wire::AdminRequest request;
    request.mutable_drain()->set_peer(name);
    return ask_operator(request);
  }
  wire::AdminReply poison_list() {
    wire::AdminRequest request;
    request.mutable_poison_list();
    return ask_operator(request).body;
  }
  std::uint32_t retry(std::uint64_t ticket = 0) {
    wire::AdminRequest request;
    if (ticket == 0)
      request.mutable_poison_retry();
    else
      request.mutable_poison_retry()->add_tickets(ticket);
    return ask_operator(request).body.count();
  }
  std::uint32_t drop(std::uint64_t ticket) {
    wire::AdminRequest request;
    request.mutable_poison_drop()->add_tickets(ticket);
    return ask_operator(request).body.count();
  }
  // A request that three lives of worker "w" die of.
  void poison(std::uint64_t number, std::uint64_t boot) {
    request(number, 1'000 + number);
    for (std::uint64_t life = boot; life < boot + 3; ++life) {
      rest({operator_key, gateway_key("g"), worker_key("w", life)});
      restart_worker("w", life + 1);
    }
    EXPECT_EQ(verdicts(), (Verdicts{{number, Errc::internal}}));
  }
};

TEST(AdminDrain, AsksTheNamedPeer) {
  AdminBus bus;
  EXPECT_EQ(bus.drain_by_name("w").body.count(), 1U);
  EXPECT_EQ(bus.take(AdminBus::worker_key("w"), EnvelopeKind::drain).size(), 1U);
  EXPECT_EQ(bus.drain_by_name("g").body.count(), 1U);
  EXPECT_EQ(bus.take(AdminBus::gateway_key("g"), EnvelopeKind::drain).size(), 1U);
  EXPECT_EQ(bus.drain_by_name("nobody").error, Errc::not_found);
}

TEST(AdminDrain, OfTheBrokerItselfIsLeftToItsProcess) {
  AdminBus bus({.name = "broker-7"});
  for (const char* name : {"", "broker-7"}) {
    bus.broker.take_events();
    EXPECT_EQ(bus.drain_by_name(name).body.count(), 1U);
    const auto events = bus.broker.take_events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_TRUE(std::holds_alternative<DrainWanted>(events[0]));
  }
}

TEST(AdminPoison, IsListedWithoutItsWords) {
  AdminBus bus;
  EXPECT_THAT(bus.poison_list().poison(), IsEmpty());
  bus.poison(1, 1);
  bus.pass(200ms, {operator_key});
  const auto list = bus.poison_list();
  ASSERT_EQ(list.poison_size(), 1);
  EXPECT_EQ(list.poison(0).ticket(), 1U);
  EXPECT_EQ(list.poison(0).verb(), "c2c.send");
  EXPECT_EQ(list.poison(0).number(), 1U);
  EXPECT_EQ(list.poison(0).key(), 1'001U);
  EXPECT_EQ(list.poison(0).parked_ms_ago(), 200U);
  EXPECT_EQ(bus.status().parked(), 1U);
}

TEST(AdminPoison, IsTriedAgainAsANewRequest) {
  AdminBus bus;
  bus.poison(1, 1);
  bus.requests_at("w", 4);
  EXPECT_EQ(bus.retry(1), 1U);
  const auto sent = bus.take(AdminBus::worker_key("w", 4), EnvelopeKind::request);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].header.id, AdminBus::id(1));
  EXPECT_EQ(sent[0].header.attempt, 1);
  EXPECT_EQ(sent[0].header.ttl_ms, 10'000U);
  EXPECT_EQ(sent[0].body, "1");
  EXPECT_THAT(bus.poison_list().poison(), IsEmpty());
}

TEST(AdminPoison, ThatIsTriedAgainOutlivesWhoAsked) {
  AdminBus bus;
  bus.poison(1, 1);
  bus.unreachable(AdminBus::gateway_key("g"));
  EXPECT_EQ(bus.retry(1), 1U);
  bus.requests_at("w", 4);
  bus.restart_worker("w", 5);
  EXPECT_EQ(bus.requests_at("w", 5).size(), 1U) << "the operator wants it";
}

TEST(AdminPoison, ThatFindsNoRoomIsKept) {
  AdminBus bus({.held_messages_max = 1});
  bus.poison(1, 1);
  bus.request(2, 2);
  EXPECT_EQ(bus.retry(1), 0U);
  EXPECT_EQ(bus.poison_list().poison_size(), 1);
}

TEST(AdminPoison, IsDroppedByTicketOrRetriedAllAtOnce) {
  AdminBus bus;
  bus.poison(1, 1);
  bus.poison(2, 4);
  bus.poison(3, 7);
  EXPECT_EQ(bus.drop(2), 1U);
  EXPECT_EQ(bus.drop(2), 0U);
  EXPECT_EQ(bus.drop(99), 0U);
  EXPECT_EQ(bus.retry(), 2U);
}

TEST(AdminPoison, IsBoundedInBytes) {
  AdminBus bus({.parked_bytes_max = 150});  // one request has 97
  bus.poison(1, 1);
  bus.poison(2, 4);
  const auto list = bus.poison_list();
  ASSERT_EQ(list.poison_size(), 1);
  EXPECT_EQ(list.poison(0).number(), 2U);
}

std::vector<std::string> points(const wire::TraceAnswer& answer) {
  std::vector<std::string> names;
  for (const auto& event : answer.events()) names.push_back(event.point());
  return names;
}

TEST(AdminTrace, TellsWhatHappenedHereAndAsksTheOthers) {
  AdminBus bus({.name = "broker-7"});
  bus.give(AdminBus::gateway_key("g"),
           {.verb = verb_send,
            .key = 5,
            .id = AdminBus::id(1),
            .user = UserId{3},
            .trace = 0xABC,
            .ttl_ms = 10'000},
           "x");
  bus.restart_worker("w", 2);
  bus.reply("w", 1, 2);
  wire::AdminRequest request;
  request.mutable_trace()->set_trace(0xABC);
  const auto own = bus.ask_operator(request);
  EXPECT_EQ(own.body.asked(), 2U);
  EXPECT_EQ(own.body.trace().process(), "broker-7");
  EXPECT_THAT(points(own.body.trace()),
              ElementsAre("broker_accepted", "broker_sent", "broker_taken_back", "broker_sent",
                          "broker_replied"));

  const auto asked = bus.take(AdminBus::gateway_key("g"), EnvelopeKind::trace_query);
  ASSERT_EQ(asked.size(), 1U);
  wire::TraceAnswer answer;
  answer.set_process("g");
  bus.give(AdminBus::gateway_key("g"),
           {.kind = EnvelopeKind::trace_answer, .id = {.number = asked[0].header.id.number}},
           answer.SerializeAsString());
  const auto passed_on = bus.replies_to_operator();
  ASSERT_EQ(passed_on.size(), 1U);
  EXPECT_EQ(passed_on[0].body.trace().process(), "g");
}

TEST(AdminTrace, FindsTheRequestsOfAUser) {
  AdminBus bus;
  bus.ask(1, "app.nobody", UserId{7});
  bus.ask(2, "app.nobody", UserId{8});
  wire::AdminRequest request;
  request.mutable_trace()->set_user(7);
  EXPECT_THAT(points(bus.ask_operator(request).body.trace()), ElementsAre("broker_refused"));
}

// An operator has asked for trace 0xABC.
class TraceBus : public AdminBus {
 public:
  const PeerKey gateway = gateway_key("g");
  const PeerKey worker = worker_key("w");

  TraceBus() {
    wire::AdminRequest request;
    request.mutable_trace()->set_trace(0xABC);
    asked = ask_operator(request).body.asked();
    number = take(gateway, EnvelopeKind::trace_query).at(0).header.id.number;
    broker.take_events();
  }
  static wire::TraceAnswer::Event event(const std::string& point, std::uint64_t trace = 0xABC) {
    wire::TraceAnswer::Event event;
    event.set_trace(trace);
    event.set_point(point);
    return event;
  }
  static wire::TraceAnswer answer(std::vector<wire::TraceAnswer::Event> events) {
    wire::TraceAnswer answer;
    answer.set_process("worker-9");
    for (auto& event : events) *answer.add_events() = std::move(event);
    return answer;
  }
  void say(const PeerKey& from, const std::string& body, std::uint64_t about) {
    give(from, {.kind = EnvelopeKind::trace_answer, .id = {.number = about}}, body);
  }
  void say(const PeerKey& from, const std::string& body) { say(from, body, number); }
  // Whom the operator heard of since the last call.
  std::vector<std::string> heard() {
    std::vector<std::string> names;
    for (const Reply& reply : replies_to_operator()) names.push_back(reply.body.trace().process());
    return names;
  }
  // Who was told to have sent what it may not send, since the last call.
  std::vector<std::string> told() {
    std::vector<std::string> names;
    for (const BrokerEvent& event : broker.take_events())
      if (const auto* peer = std::get_if<PeerEvent>(&event);
          peer != nullptr && peer->kind == PeerEvent::Kind::forbidden)
        names.push_back(peer->name);
    return names;
  }

  std::uint32_t asked = 0;
  std::uint64_t number = 0;
};

TEST(AdminTrace, AnAnswerBearsTheNameOfWhoGaveItWhateverItSays) {
  TraceBus bus;
  bus.say(bus.gateway, TraceBus::answer({TraceBus::event("gateway_replied")}).SerializeAsString());
  EXPECT_THAT(bus.heard(), ElementsAre("g"));
  EXPECT_THAT(bus.told(), IsEmpty());
}

TEST(AdminTrace, IsAnsweredOnceByEachWhoWasAskedAndByNobodyElse) {
  TraceBus bus;
  const std::string nothing = TraceBus::answer({}).SerializeAsString();
  bus.register_gateway("newcomer");
  bus.say(AdminBus::gateway_key("newcomer"), nothing);
  EXPECT_THAT(bus.told(), ElementsAre("newcomer"));
  bus.say(bus.gateway, nothing, bus.number + 1);
  bus.say(bus.gateway, nothing, 0);
  EXPECT_THAT(bus.told(), ElementsAre("g", "g"));
  EXPECT_THAT(bus.heard(), IsEmpty());

  bus.say(bus.gateway, nothing);
  bus.say(bus.worker, nothing);
  EXPECT_THAT(bus.told(), IsEmpty());
  EXPECT_THAT(bus.heard(), ElementsAre("g", "w"));
  bus.say(bus.gateway, nothing);
  EXPECT_THAT(bus.told(), ElementsAre("g"));
  EXPECT_THAT(bus.heard(), IsEmpty());
  EXPECT_EQ(bus.counters().misplaced, 4U);
}

TEST(AdminTrace, AnAnswerToSomethingElseIsMisplaced) {
  const auto points = [](int count, const std::string& point) {
    wire::TraceAnswer answer;
    for (int i = 0; i < count; ++i) *answer.add_events() = TraceBus::event(point);
    return answer.SerializeAsString();
  };
  const auto at_us = [](std::int64_t time) {
    auto event = TraceBus::event("gateway_replied");
    event.set_at_us(time);
    return TraceBus::answer({event}).SerializeAsString();
  };
  const std::vector<std::string> wrong{
      at_us(std::numeric_limits<std::int64_t>::min()),
      at_us(std::numeric_limits<std::int64_t>::max()),
      "\xff\xff",
      points(201, "gateway_replied"),
      points(1, "worker_replied"),
      points(1, "gateway_\x1b[2J"),
      points(1, "gateway_replied\n00:00:00 worker-1 a worker answered it"),
      points(1, "gateway_" + std::string(33, 'x')),
      points(1, ""),
      TraceBus::answer({TraceBus::event("gateway_replied", 0xABD)}).SerializeAsString()};
  for (const std::string& body : wrong) {
    TraceBus bus;
    bus.say(bus.gateway, body);
    EXPECT_THAT(bus.told(), ElementsAre("g")) << body;
    EXPECT_THAT(bus.heard(), IsEmpty()) << body;
  }
  TraceBus bus;
  bus.say(bus.gateway, points(200, "gateway_" + std::string(32, 'x')));
  EXPECT_THAT(bus.heard(), ElementsAre("g")) << "a newer gateway knows more points";
}

TEST(AdminTrace, ReachesBusinessSystemsThatAnswerAndNoOthers) {
  AdminBus bus;
  bus.register_business("payroll-1", {.answers_traces = true});
  bus.register_business("older", {.apps = {"app.old"}});
  wire::AdminRequest request;
  request.mutable_trace()->set_trace(0xABC);
  EXPECT_EQ(bus.ask_operator(request).body.asked(), 3U) << "g, w and payroll-1";
  const PeerKey older = BusinessBus::business_key("older");
  EXPECT_THAT(bus.take(older, EnvelopeKind::trace_query), IsEmpty());
  const PeerKey payroll = BusinessBus::business_key("payroll-1");
  const auto asked = bus.take(payroll, EnvelopeKind::trace_query);
  ASSERT_EQ(asked.size(), 1U);
  const EnvelopeHeader answer{.kind = EnvelopeKind::trace_answer, .id = asked[0].header.id};
  bus.give(older, answer, {});
  EXPECT_EQ(bus.counters().misplaced, 1U) << "nobody has asked it";
  bus.give(payroll, answer,
           TraceBus::answer({TraceBus::event("business_asked")}).SerializeAsString());
  const auto heard = bus.replies_to_operator();
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(heard[0].body.trace().process(), "payroll-1");
  EXPECT_THAT(points(heard[0].body.trace()), ElementsAre("business_asked"));
}

TEST(AdminTrace, AnAnswerThatNobodyWaitsForAnyMoreIsDroppedAndCountedApart) {
  TraceBus bus;
  bus.pass(3s, {bus.gateway, bus.worker});
  bus.say(bus.gateway, {});
  EXPECT_THAT(bus.heard(), IsEmpty());
  EXPECT_THAT(bus.told(), IsEmpty()) << "it was stopped perhaps, it has not lied";
  EXPECT_EQ(bus.counters().late_trace_answers, 1U);
  EXPECT_EQ(bus.counters().misplaced, 0U);
}

TEST(Admin, WhatItDoesNotKnowIsUnsupported) {
  AdminBus bus;
  EXPECT_EQ(bus.ask_operator({}).error, Errc::unsupported);
  bus.give(operator_key, {.kind = EnvelopeKind::admin, .id = {.number = 77}}, "\xff\xff");
  EXPECT_EQ(bus.replies_to_operator().at(0).error, Errc::bad_request);
}

// A service with one slow worker, whose queue has room for a hundred.
class RetryHint : public ::testing::Test {
 protected:
  RetryHint() : bus({.queue_messages_max = 100}) {
    bus.unreachable(BusinessBus::worker_key("w"));
    bus.register_worker("slow", {.messages = 1});
  }

  void request_next() {
    ++last;
    bus.request(last, last);
  }
  // For so many ticks, of which there are ten a second; the queue stays full.
  void answer(int ticks, int answers_per_tick) {
    for (int tick = 0; tick < ticks; ++tick) {
      pass_tick();
      for (int i = 0; i < answers_per_tick; ++i) bus.reply("slow", ++answered);
      fill();
    }
  }
  void pass_tick() { bus.pass(100ms, {BusinessBus::worker_key("slow"), gateway}); }
  void fill() {
    while (bus.broker.waiting() < 100) request_next();
  }
  // What who comes now is told, being refused.
  std::uint32_t told() {
    bus.verdicts();
    ++refused;
    bus.request(refused, refused);
    const auto replies = bus.replies();
    EXPECT_EQ(replies.size(), 1U);
    EXPECT_EQ(replies.at(0).header.error, static_cast<std::uint16_t>(Errc::retry_later));
    return replies.at(0).header.retry_after_ms;
  }

  const PeerKey gateway = BusinessBus::gateway_key("g");
  BusinessBus bus;
  std::uint64_t last = 0;      // request
  std::uint64_t answered = 0;  // likewise
  std::uint64_t refused = 1'000'000;
};

TEST_F(RetryHint, IsWhatWaitsDividedByTheRateOfAnswers) {
  fill();
  answer(6, 20);
  EXPECT_NEAR(told(), 500, 50) << "a hundred wait, two hundred a second";
  answer(30, 10);
  EXPECT_NEAR(told(), 1'000, 100) << "the rate follows";
  answer(50, 1);
  EXPECT_EQ(told(), 5'000U) << "ten a second: capped";
  EXPECT_GT(bus.status().services(0).credit_exhausted(), 100U);
}

TEST_F(RetryHint, IsTheShortestBeforeTheRateIsBelieved) {
  for (int tick = 0; tick < 50; ++tick) pass_tick();
  fill();
  EXPECT_EQ(told(), 200U) << "that little was answered says nothing: little was asked";
  answer(5, 0);
  EXPECT_EQ(told(), 200U) << "a commit may take long";
  answer(1, 0);
  EXPECT_EQ(told(), 5'000U) << "half a second without an answer";
}

TEST_F(RetryHint, CountsTheFirstMeasurementsAlike) {
  fill();
  answer(1, 0);
  answer(5, 20);
  EXPECT_NEAR(told(), 100 * 1'000 / 160, 60) << "half a second: none, then four times twenty";
}

TEST_F(RetryHint, DoesNotRememberAnOutage) {
  fill();
  answer(20, 0);
  EXPECT_EQ(told(), 5'000U);
  while (answered < last) bus.reply("slow", ++answered);
  pass_tick();
  fill();
  answer(6, 20);
  EXPECT_NEAR(told(), 500, 50);
}

}  // namespace
}  // namespace parley::test
