// A business system over real sockets: it serves clients, asks workers, follows events; brokers and peers die.
#include "bus/business_peer.h"

#include <gmock/gmock.h>

#include <future>
#include <set>

#include "bus/admin_client.h"
#include "bus/event_feed.h"
#include "bus/push.h"
#include "proto/app_name.h"
#include "tests/integration/bus/rig.h"
#include "tests/support/outbox_worker.h"

namespace parley::test {
namespace {

constexpr const char* payroll = "app.payroll";

// A gateway whose clients ask apps.
struct Clients : Asker {
  using Asker::Asker;
  std::uint64_t ask_app(UserId user, std::string_view body, const char* app = payroll,
                        std::uint64_t trace = 0) {
    const auto number = publisher.publish({.verb = static_cast<std::uint16_t>(Verb::app_request),
                                           .key = user.value,
                                           .user = user,
                                           .device = DeviceId{3},
                                           .target = app_target(app),
                                           .trace = trace},
                                          body);
    EXPECT_TRUE(number.has_value());
    return number.value_or(0);
  }
};

std::vector<std::string> gateways_of(const Rig& rig, const std::vector<std::string>& names) {
  std::vector<std::string> endpoints;
  for (const std::string& name : names) endpoints.push_back(rig.gateway_endpoint(name));
  return endpoints;
}

BusinessPeerOptions called(const std::string& name, const std::vector<std::string>& brokers) {
  return {.instance = name, .brokers = *load_bus_endpoints({.brokers = brokers})};
}

// An app that remembers what it was asked and answers "<user>:<body>", at once or when it is told to.
struct Payroll {
  Payroll(Rig& rig, const std::string& name, const std::vector<std::string>& brokers)
      : peer(std::make_unique<BusinessPeer>(
            rig.loop, called(name, brokers), rig.metrics)) {
    peer->serve(payroll, [this](AppRequest request, AppAnswer answer) {
      seen.push_back(request);
      if (holds) held.push_back(std::move(answer));
      else answer.reply(std::to_string(request.user.value) + ":" + request.body);
    });
    peer->start();
  }
  void answer_held() {
    for (AppAnswer& answer : held) answer.reply("late");
    held.clear();
  }

  bool holds = false;
  std::vector<AppRequest> seen;
  std::vector<AppAnswer> held;
  std::unique_ptr<BusinessPeer> peer;
};

// What that process tells an operator of a trace.
std::vector<std::string> told_by(Rig& rig, const std::string& process, std::uint64_t trace) {
  wire::TraceQuery query;
  query.set_trace(trace);
  auto asked = std::async(std::launch::async, [&, broker = rig.gateway_endpoint("b1")] {
    return ask_trace({{broker}}, query, 5s);
  });
  run_until(rig.loop, 10s, [&] { return asked.wait_for(0s) == std::future_status::ready; });
  const auto replies = asked.get();
  std::vector<std::string> points;
  if (!replies[0]) return points;
  EXPECT_EQ(replies[0]->missing, 0U);
  for (const wire::TraceAnswer& answer : replies[0]->answers)
    for (const auto& event : answer.events())
      if (answer.process() == process) points.push_back(event.point());
  return points;
}

TEST(BusinessPeerServes, AClientsRequestAndItsAnswerReturns) {
  Rig rig;
  const auto broker = rig.start_broker("b1");
  Payroll app(rig, "payroll-1", gateways_of(rig, {"b1"}));
  Clients clients(rig.loop, rig.metrics, "gateway-1", gateways_of(rig, {"b1"}));
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return app.peer->healthy(); }));
  const std::uint64_t number = clients.ask_app(UserId{7}, "wages?");
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return clients.answers.contains(number); }));
  EXPECT_EQ(clients.bodies[number], "7:wages?");
  EXPECT_TRUE(clients.errors.empty());
  ASSERT_EQ(app.seen.size(), 1U);
  EXPECT_EQ(app.seen[0].user, UserId{7});
  EXPECT_EQ(app.seen[0].device, DeviceId{3});
  EXPECT_EQ(app.seen[0].attempt, 1U);
  EXPECT_EQ(app.seen[0].id.gateway, instance_id("gateway-1"));
}

TEST(BusinessPeerServes, HasTheTraceOfWhatItIsAskedAndTellsItsPart) {
  Rig rig;
  const auto broker = rig.start_broker("b1");
  Payroll app(rig, "payroll-1", gateways_of(rig, {"b1"}));
  Clients clients(rig.loop, rig.metrics, "gateway-1", gateways_of(rig, {"b1"}));
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return app.peer->healthy(); }));
  const std::uint64_t number = clients.ask_app(UserId{7}, "wages?", payroll, 0xABC);
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return clients.answers.contains(number); }));
  ASSERT_EQ(app.seen.size(), 1U);
  EXPECT_EQ(app.seen[0].trace, 0xABCU);
  EXPECT_THAT(told_by(rig, "payroll-1", {0xABC}),
              testing::ElementsAre("business_received", "business_replied"));
}

TEST(BusinessPeerServes, WhatNobodyOffersIsSaidAtOnce) {
  Rig rig;
  const auto broker = rig.start_broker("b1");
  Clients clients(rig.loop, rig.metrics, "gateway-1", gateways_of(rig, {"b1"}));
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return clients.publisher.healthy(); }));
  const Instant asked = monotonic_now();
  clients.ask_app(UserId{7}, "x");
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return !clients.errors.empty(); }));
  EXPECT_LT(monotonic_now() - asked, 100ms * slowness());
  EXPECT_EQ(clients.errors, std::vector{Errc::no_service});
}

TEST(BusinessPeerServes, ErrorsAsTheHandlerSaysAndInternalForTheForgotten) {
  Rig rig;
  const auto broker = rig.start_broker("b1");
  BusinessPeer peer(rig.loop, called("app-1", gateways_of(rig, {"b1"})), rig.metrics);
  peer.serve("app.moody", [](const AppRequest& request, AppAnswer answer) {
    if (request.body == "not found") answer.refuse(Errc::not_found);
    if (request.body == "too long") answer.reply(std::string(100'000, 'x'));
    if (request.body == "ours") answer.refuse(Errc::replaced);
    // anything else: forgotten
  });
  peer.start();
  Clients clients(rig.loop, rig.metrics, "gateway-1", gateways_of(rig, {"b1"}));
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return peer.healthy(); }));
  for (const char* body : {"not found", "too long", "ours", "whatever"})
    clients.ask_app(UserId{7}, body, "app.moody");
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return clients.answers.size() == 4; }));
  EXPECT_EQ(clients.errors, (std::vector{Errc::not_found, Errc::too_large, Errc::internal,
                                         Errc::internal}));
}

TEST(BusinessPeerServes, TheOtherReplicaAnswersWhatADeadOneHeldUnderTheSameId) {
  Rig rig;
  const auto broker = rig.start_broker("b1");
  const auto brokers = gateways_of(rig, {"b1"});
  Payroll first(rig, "payroll-1", brokers);
  first.holds = true;
  Clients clients(rig.loop, rig.metrics, "gateway-1", brokers);
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return first.peer->healthy(); }));
  const std::uint64_t number = clients.ask_app(UserId{7}, "x");
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return first.seen.size() == 1; }));
  Payroll second(rig, "payroll-2", brokers);
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return second.peer->healthy(); }));
  first.peer.reset();  // no goodbye: as if it had been killed
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return clients.answers.contains(number); }));
  EXPECT_EQ(clients.bodies[number], "7:x");
  ASSERT_EQ(second.seen.size(), 1U);
  EXPECT_EQ(second.seen[0].id, first.seen[0].id);
  EXPECT_EQ(second.seen[0].attempt, 2U);
  first.answer_held();  // goes nowhere
}

TEST(BusinessPeerServes, AfterTheLastReplicaHasDiedItIsSaidThatThereIsNoService) {
  Rig rig;
  const auto broker = rig.start_broker("b1");
  const auto brokers = gateways_of(rig, {"b1"});
  Payroll app(rig, "payroll-1", brokers);
  app.holds = true;
  Clients clients(rig.loop, rig.metrics, "gateway-1", brokers);
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return app.peer->healthy(); }));
  clients.ask_app(UserId{7}, "x");
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return app.seen.size() == 1; }));
  app.peer.reset();
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return !clients.errors.empty(); }));
  EXPECT_EQ(clients.errors, std::vector{Errc::no_service});
}

TEST(BusinessPeerServes, EveryRequestIsAnsweredWhileBrokersComeAndGo) {
  Rig rig;
  auto one = rig.start_broker("b1");
  auto two = rig.start_broker("b2");
  const auto brokers = gateways_of(rig, {"b1", "b2"});
  Payroll app(rig, "payroll-1", brokers);
  Payroll other(rig, "payroll-2", brokers);
  Clients clients(rig.loop, rig.metrics, "gateway-1", brokers);
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] {
    return app.peer->healthy() && other.peer->healthy() && clients.publisher.healthy();
  }));
  std::uint64_t asked = 0;
  const auto ask_some = [&] {
    for (int i = 0; i < 20; ++i) clients.ask_app(UserId{++asked % 16 + 1}, "x");
  };
  for (int round = 0; round < 4; ++round) {
    auto& victim = round % 2 == 0 ? one : two;
    ask_some();
    victim.reset();
    ask_some();
    ASSERT_TRUE(run_until(rig.loop, 10s, [&] { return clients.publisher.pending() == 0; }));
    victim = rig.start_broker(round % 2 == 0 ? "b1" : "b2");
    // Until the peers are back there, that broker knows nobody who serves.
    const std::size_t errors = clients.errors.size();
    ASSERT_TRUE(run_until(rig.loop, 10s, [&] {
      return app.peer->brokers_up() == 2 && other.peer->brokers_up() == 2;
    }));
    EXPECT_EQ(clients.errors.size(), errors);
  }
  EXPECT_EQ(clients.answers.size(), asked);
  EXPECT_TRUE(clients.errors.empty()) << name_of(clients.errors.front());
}

TEST(BusinessPeerServes, ADrainAnswersWhatItHasAndTakesNothingNew) {
  Rig rig;
  const auto broker = rig.start_broker("b1");
  const auto brokers = gateways_of(rig, {"b1"});
  Payroll leaving(rig, "payroll-1", brokers);
  leaving.holds = true;
  Clients clients(rig.loop, rig.metrics, "gateway-1", brokers);
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return leaving.peer->healthy(); }));
  const std::uint64_t number = clients.ask_app(UserId{7}, "x");
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return leaving.seen.size() == 1; }));
  Payroll staying(rig, "payroll-2", brokers);
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return staying.peer->healthy(); }));

  bool drained = false;
  leaving.peer->drain(10s, [&] { drained = true; });
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] {
    if (clients.publisher.pending() < 2) clients.ask_app(UserId{100 + staying.seen.size()}, "y");
    return staying.seen.size() > 20;
  }));
  EXPECT_FALSE(drained);
  EXPECT_EQ(leaving.peer->ask(Verb::push_publish, 1, {}, [](auto) {}).error().code,
            Errc::going_away);
  leaving.answer_held();
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return drained && clients.answers.contains(number); }));
  EXPECT_EQ(clients.bodies[number], "late");
  EXPECT_TRUE(clients.errors.empty());
}

std::vector<std::string> workers_of(const Rig& rig, const std::vector<std::string>& names) {
  std::vector<std::string> endpoints;
  for (const std::string& name : names) endpoints.push_back(rig.worker_endpoint(name));
  return endpoints;
}

TEST(BusinessPeerAsks, APushReachesItsWorkerInThePeersName) {
  Rig rig;
  const auto broker = rig.start_broker("b1");
  OutboxWorker worker(rig.loop, workers_of(rig, {"b1"}));
  BusinessPeer peer(rig.loop, called("payroll-1", gateways_of(rig, {"b1"})), rig.metrics);
  peer.start();
  std::optional<wire::PublishReply> reply;
  const Push push{.users = {UserId{5}, UserId{6}}, .body = "pay day"};
  ASSERT_TRUE(publish(peer, push, [&](Result<wire::PublishReply> result) {
    ASSERT_TRUE(result) << name_of(result.error().code);
    reply = *result;
  }));
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return reply.has_value(); }));
  EXPECT_EQ(reply->receipts_size(), 2);
  ASSERT_EQ(worker.pushes.size(), 1U);
  EXPECT_EQ(worker.pushes[0].publisher(), "payroll-1");
  EXPECT_EQ(worker.pushes[0].publish_id(), std::string(push.id.begin(), push.id.end()));
  EXPECT_EQ(worker.pushes[0].body(), "pay day");
}

TEST(BusinessPeerAsks, WhatItAsksHasATraceThatFindsIt) {
  Rig rig;
  const auto broker = rig.start_broker("b1");
  OutboxWorker worker(rig.loop, workers_of(rig, {"b1"}));
  BusinessPeer peer(rig.loop, called("payroll-1", gateways_of(rig, {"b1"})), rig.metrics);
  peer.start();
  std::size_t answered = 0;
  const auto push = [&] {
    return publish(peer, {.users = {UserId{5}}, .body = "x"}, [&](const auto&) { ++answered; });
  };
  const auto first = push();
  const auto second = push();
  ASSERT_TRUE(first && second);
  EXPECT_NE(*first, 0U);
  EXPECT_NE(*first, *second);
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return answered == 2; }));
  EXPECT_THAT(told_by(rig, "payroll-1", *first),
              testing::ElementsAre("business_asked", "business_got_answer"));
  EXPECT_THAT(told_by(rig, "b1", *first),
              testing::ElementsAre("broker_accepted", "broker_sent", "broker_replied"));
}

TEST(BusinessPeerAsks, WhatABrokerTookWithItIsAskedAtTheNextInOrder) {
  Rig rig;
  auto one = rig.start_broker("b1");
  auto two = rig.start_broker("b2");
  OutboxWorker worker(rig.loop, workers_of(rig, {"b1", "b2"}));
  BusinessPeer peer(rig.loop, called("payroll-1", gateways_of(rig, {"b1", "b2"})), rig.metrics);
  peer.start();
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return peer.brokers_up() == 2; }));
  std::size_t answered = 0;
  const auto push = [&](const std::string& body) {
    ASSERT_TRUE(publish(peer, {.users = {UserId{5}}, .body = body}, [&](const auto& result) {
      EXPECT_TRUE(result.has_value());
      ++answered;
    }));
  };
  for (int i = 0; i < 300; ++i) {
    push(std::to_string(i));
    if (i == 80) {
      ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return answered > 0; }));
    }
    if (i == 100) one.reset();
    if (i == 200) {
      ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return peer.brokers_up() == 1; }));
      one = rig.start_broker("b1");
      ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return peer.brokers_up() == 2; }));
    }
    if (i == 250) two.reset();
  }
  ASSERT_TRUE(run_until(rig.loop, 10s, [&] { return answered == 300; })) << answered;
  std::set<std::string> executed;
  int next = 0;
  for (const wire::PublishRequest& request : worker.pushes)
    if (executed.insert(request.body()).second) {
      EXPECT_EQ(request.body(), std::to_string(next++));
    }
}

TEST(BusinessPeerAsks, WithoutABrokerItLearnsThatAfterItsPatience) {
  Rig rig;
  BusinessPeerOptions options = called("payroll-1", gateways_of(rig, {"b1"}));
  options.asks_max = 2;
  options.answer_within = 200ms;
  BusinessPeer peer(rig.loop, options, rig.metrics);
  peer.start();
  std::vector<Errc> errors;
  const auto ask = [&] {
    return peer.ask(Verb::push_publish, 1, "x",
                    [&](const auto& result) { errors.push_back(result.error().code); });
  };
  EXPECT_TRUE(ask());
  EXPECT_TRUE(ask());
  EXPECT_EQ(ask().error().code, Errc::retry_later) << "the bound";
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return errors.size() == 2; }));
  EXPECT_EQ(errors[0], Errc::retry_later);
}

TEST(BusinessPeerAsks, WhatIsUnansweredWhenADrainsLimitPassesEndsBeforeIt) {
  Rig rig;
  BusinessPeer peer(rig.loop, called("payroll-1", gateways_of(rig, {"b1"})), rig.metrics);
  peer.start();
  std::vector<Errc> errors;
  for (std::uint64_t key = 0; key < 3; ++key) {
    ASSERT_TRUE(peer.ask(Verb::push_publish, key, "x",
                         [&](const auto& result) { errors.push_back(result.error().code); }));
  }
  std::optional<std::size_t> ended_before;
  peer.drain(50ms, [&] { ended_before = errors.size(); });
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return ended_before.has_value(); }));
  EXPECT_EQ(*ended_before, 3U);
  EXPECT_EQ(errors, (std::vector{Errc::retry_later, Errc::retry_later, Errc::retry_later}));
}

struct Subscriber {
  Subscriber(Rig& rig, const std::string& name, const std::vector<std::string>& brokers)
      : peer(rig.loop, called(name, brokers), rig.metrics),
        feed(peer, {.kinds = {wire::EVENT_KIND_MESSAGE}, .page = 10, .poll_every = poll_every},
             [this](const wire::Event& event, EventFeed::Finish finish) {
               seen.push_back(event.cursor());
               if (event.cursor() == fails_at) finish(fail(Errc::io));
               else if (holds) held = std::move(finish);
               else finish({});
             }) {
    peer.start();
  }

  static inline Duration poll_every = 5s;
  bool holds = false;
  std::uint64_t fails_at = 0;
  EventFeed::Finish held;
  std::vector<std::uint64_t> seen;
  BusinessPeer peer;
  EventFeed feed;
};

// 1, 2, 3 … each at least once; a repetition may only go back to what was not acknowledged.
void expect_complete(const std::vector<std::uint64_t>& seen, std::uint64_t newest) {
  std::uint64_t next = 1;
  for (const std::uint64_t cursor : seen) {
    EXPECT_LE(cursor, next);
    if (cursor == next) ++next;
  }
  EXPECT_EQ(next, newest + 1);
}

TEST(EventFeed, HandsOverEveryEventInOrderAndAcknowledges) {
  Rig rig;
  const auto broker = rig.start_broker("b1");
  OutboxWorker outbox(rig.loop, workers_of(rig, {"b1"}));
  Subscriber subscriber(rig, "audit-1", gateways_of(rig, {"b1"}));
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return outbox.has_subscriber(); }));
  for (int i = 0; i < 95; ++i) outbox.add();
  ASSERT_TRUE(run_until(rig.loop, 3s, [&] { return outbox.acknowledged() == 95; }))
      << outbox.acknowledged();
  expect_complete(subscriber.seen, 95);
  EXPECT_EQ(subscriber.seen.size(), 95U);
  outbox.add();  // its hint ends the pause
  EXPECT_TRUE(run_until(rig.loop, 2s, [&] { return outbox.acknowledged() == 96; }));
}

TEST(EventFeed, FindsWithoutHintsWhatThereIs) {
  Rig rig;
  const auto broker = rig.start_broker("b1");
  OutboxWorker outbox(rig.loop, workers_of(rig, {"b1"}));
  outbox.hints = false;
  Subscriber::poll_every = 200ms;
  Subscriber subscriber(rig, "audit-1", gateways_of(rig, {"b1"}));
  Subscriber::poll_every = 5s;
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return outbox.has_subscriber(); }));
  outbox.add();
  EXPECT_TRUE(run_until(rig.loop, 3s, [&] { return outbox.acknowledged() == 1; }));
}

TEST(EventFeed, WhatWasNotFinishedComesToTheNextLife) {
  Rig rig;
  const auto broker = rig.start_broker("b1");
  const auto brokers = gateways_of(rig, {"b1"});
  OutboxWorker outbox(rig.loop, workers_of(rig, {"b1"}));
  auto first = std::make_unique<Subscriber>(rig, "audit-1", brokers);
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return outbox.has_subscriber(); }));
  first->holds = true;
  for (int i = 0; i < 5; ++i) outbox.add();
  ASSERT_TRUE(run_until(rig.loop, 3s, [&] { return first->held != nullptr; }));
  std::exchange(first->held, nullptr)({});
  ASSERT_TRUE(run_until(rig.loop, 3s, [&] { return first->held != nullptr; }));
  EXPECT_EQ(first->seen, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(outbox.acknowledged(), 0U);
  first.reset();  // as if it had been killed
  Subscriber second(rig, "audit-1", brokers);
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return outbox.acknowledged() == 5; }));
  expect_complete(second.seen, 5);
}

TEST(EventFeed, AnEventThatFailsIsGivenAgainBeforeTheNext) {
  Rig rig;
  const auto broker = rig.start_broker("b1");
  OutboxWorker outbox(rig.loop, workers_of(rig, {"b1"}));
  Subscriber subscriber(rig, "audit-1", gateways_of(rig, {"b1"}));
  subscriber.fails_at = 2;
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return outbox.has_subscriber(); }));
  for (int i = 0; i < 3; ++i) outbox.add();
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return subscriber.seen.size() >= 4; }));
  EXPECT_EQ(subscriber.seen[3], 2U);
  subscriber.fails_at = 0;
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return outbox.acknowledged() == 3; }));
  expect_complete(subscriber.seen, 3);
}

TEST(EventFeed, MissesNothingWhileBrokersDie) {
  Rig rig;
  auto one = rig.start_broker("b1");
  auto two = rig.start_broker("b2");
  OutboxWorker outbox(rig.loop, workers_of(rig, {"b1", "b2"}));
  Subscriber subscriber(rig, "audit-1", gateways_of(rig, {"b1", "b2"}));
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return outbox.has_subscriber(); }));
  for (int round = 0; round < 4; ++round) {
    auto& victim = round % 2 == 0 ? one : two;
    for (int i = 0; i < 25; ++i) outbox.add();
    victim.reset();
    for (int i = 0; i < 25; ++i) outbox.add();
    ASSERT_TRUE(run_until(rig.loop, 10s, [&] { return outbox.acknowledged() == outbox.newest; }))
        << outbox.acknowledged() << " of " << outbox.newest;
    victim = rig.start_broker(round % 2 == 0 ? "b1" : "b2");
    ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return subscriber.peer.brokers_up() == 2; }));
  }
  expect_complete(subscriber.seen, 200);
}

TEST(EventFeed, StopsAfterThePresentEventWhichIsAcknowledged) {
  Rig rig;
  const auto broker = rig.start_broker("b1");
  OutboxWorker outbox(rig.loop, workers_of(rig, {"b1"}));
  Subscriber subscriber(rig, "audit-1", gateways_of(rig, {"b1"}));
  subscriber.holds = true;
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] { return outbox.has_subscriber(); }));
  for (int i = 0; i < 3; ++i) outbox.add();
  ASSERT_TRUE(run_until(rig.loop, 3s, [&] { return subscriber.held != nullptr; }));
  bool stopped = false;
  subscriber.feed.stop([&] { stopped = true; });
  EXPECT_FALSE(stopped);
  subscriber.held({});
  ASSERT_TRUE(run_until(rig.loop, 3s, [&] { return stopped; }));
  EXPECT_EQ(outbox.acknowledged(), 1U);
  EXPECT_EQ(subscriber.seen, std::vector<std::uint64_t>{1});
}

}  // namespace
}  // namespace parley::test
