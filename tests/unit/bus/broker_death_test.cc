// Workers die, drain, and are too slow; requests are poison. Nothing is lost, order holds.
#include <algorithm>

#include "proto/limits.h"
#include "tests/unit/bus/broker_harness.h"

namespace parley::test {
namespace {

using Numbers = std::vector<std::uint64_t>;
using Verdicts = std::map<std::uint64_t, Errc>;

const PeerKey gateway = BrokerHarness::gateway_key("g");
const PeerKey w1 = BrokerHarness::worker_key("w1");
const PeerKey w2 = BrokerHarness::worker_key("w2");
const PeerKey w3 = BrokerHarness::worker_key("w3");

// "w1" holds what was asked before "w2" came.
struct Pair : BrokerHarness {
  std::uint64_t lives = 1;  // of "w1"

  explicit Pair(PeerCredit credit = {}, BrokerOptions options = {})
      : BrokerHarness(options), credit_(credit) {
    register_gateway("g");
    register_worker("w1", credit);
  }
  void second(PeerCredit credit) { register_worker("w2", credit); }
  void second() { second(credit_); }

 private:
  PeerCredit credit_;
};

TEST(WorkerDeath, RedeliversOutstandingAndQueuedInOrderOfArrival) {
  Pair bus({.messages = 3});
  for (std::uint64_t i = 1; i <= 6; ++i) bus.request(i, i % 2);
  EXPECT_EQ(bus.requests_at("w1"), (Numbers{1, 2, 3}));
  bus.reply("w1", 2);  // 4 is sent
  bus.second({});
  bus.unreachable(w1);
  bus.request(7, 1);
  const auto received = bus.take(w2, EnvelopeKind::request);
  Numbers order;
  std::map<std::uint64_t, int> attempts;
  for (const auto& r : received) {
    order.push_back(r.header.id.number);
    attempts[r.header.id.number] = r.header.attempt;
  }
  EXPECT_EQ(order, (Numbers{1, 3, 4, 5, 6, 7}));
  const std::map<std::uint64_t, int> expected{{1, 2}, {3, 2}, {4, 2}, {5, 1}, {6, 1}, {7, 1}};
  EXPECT_EQ(attempts, expected);
  for (const std::uint64_t number : order) bus.reply("w2", number);
  EXPECT_EQ(bus.verdicts().size(), 7U);
}

// Between the send that failed and the death, what the dead has said is read, and what others say, too.
TEST(WorkerDeath, GivesNothingMoreToWhomNothingReachesAndStillTakesHisAnswers) {
  Pair bus;
  bus.request(1, 1);
  EXPECT_EQ(bus.requests_at("w1"), Numbers{1});
  EXPECT_TRUE(bus.broker.on_send_failed(w1));
  EXPECT_FALSE(bus.broker.on_send_failed(w2)) << "nobody is registered there";
  bus.request(2, 1);
  bus.request(3, 2);
  bus.reply("w1", 1);
  EXPECT_EQ(bus.verdicts(), (Verdicts{{1, Errc{}}}));
  EXPECT_TRUE(bus.requests_at("w1").empty());
  bus.second();
  bus.unreachable(w1);
  const auto received = bus.take(w2, EnvelopeKind::request);
  ASSERT_EQ(received.size(), 2U);
  for (const Received& request : received) EXPECT_EQ(request.header.attempt, 1);
}

TEST(WorkerDeath, OfASilentWorkerIsNoticedAndItsLateAnswersIgnored) {
  Pair bus;
  bus.request(1, 1);
  bus.second();
  bus.pass(1'500ms, {gateway, w2});
  EXPECT_EQ(bus.requests_at("w2"), (Numbers{1}));
  EXPECT_EQ(bus.take(w1, EnvelopeKind::not_registered).size(), 1U) << "it may hear us";
  bus.reply("w1", 1);
  EXPECT_TRUE(bus.verdicts().empty());
  EXPECT_EQ(bus.take(w1, EnvelopeKind::not_registered).size(), 1U) << "it must register again";
  bus.reply("w2", 1);
  EXPECT_EQ(bus.verdicts().size(), 1U);
}

TEST(WorkerDeath, RedeliversInOrderOfArrivalWhateverTheWayToTheDeadWorker) {
  Pair bus({.messages = 1});
  bus.request(1, 1);
  bus.request(2, 2);
  bus.second();
  bus.request(3, 3);
  EXPECT_EQ(bus.requests_at("w2"), (Numbers{3}));
  bus.unreachable(w1);  // 1 and 2 queue at w2, behind 3
  bus.register_worker("w3");
  bus.unreachable(w2);
  EXPECT_EQ(bus.requests_at("w3"), (Numbers{1, 2, 3}));
}

TEST(WorkerDeath, DoesNotRedeliverWhatHasExpired) {
  Pair bus;
  bus.request(1, 1, 300ms);
  bus.request(2, 2);
  bus.second();
  bus.stand_still(400ms);
  bus.unreachable(w1);
  EXPECT_EQ(bus.requests_at("w2"), (Numbers{2}));
  EXPECT_EQ(bus.verdicts(), (Verdicts{{1, Errc::retry_later}}));
}

TEST(WorkerDeath, DoesNotLetNewerRequestsOfAKeyOvertake) {
  Pair bus({.messages = 2});
  for (std::uint64_t i = 1; i <= 4; ++i) bus.request(i, 9);
  bus.second({.messages = 1});
  bus.unreachable(w1);
  for (std::uint64_t i = 5; i <= 6; ++i) bus.request(i, 9);
  Numbers order;
  for (int i = 0; i < 6; ++i) {
    const Numbers next = bus.requests_at("w2");
    ASSERT_EQ(next.size(), 1U);
    order.push_back(next[0]);
    bus.reply("w2", next[0]);
  }
  EXPECT_EQ(order, (Numbers{1, 2, 3, 4, 5, 6}));
}

TEST(SlowWorker, LosesTheKeyToAnotherWhichGetsItInOrder) {
  Pair bus;
  const std::vector<PeerKey> alive{gateway, w1, w2};
  bus.request(1, 9);
  bus.request(2, 9);
  bus.second();
  bus.pass(2'400ms, alive);
  EXPECT_TRUE(bus.requests_at("w2").empty());
  bus.pass(100ms, alive);
  EXPECT_EQ(bus.requests_at("w2"), (Numbers{1, 2}));
  bus.request(3, 9);
  EXPECT_EQ(bus.requests_at("w2"), (Numbers{3}));
  bus.reply("w1", 1);
  EXPECT_TRUE(bus.verdicts().empty()) << "assigned to another since";
  EXPECT_EQ(bus.counters().late_replies, 1U);
  for (std::uint64_t i = 1; i <= 3; ++i) bus.reply("w2", i);
  EXPECT_EQ(bus.verdicts().size(), 3U);
}

TEST(SlowWorker, KeepsItsCreditUsedUntilItsLateAnswer) {
  Pair bus({.messages = 1});
  const std::vector<PeerKey> alive{gateway, w1, w2};
  bus.request(1, 9);
  bus.second();
  bus.pass(2'500ms, alive);
  EXPECT_EQ(bus.requests_at("w2"), (Numbers{1}));
  bus.requests_at("w1");
  bus.request(2, 2);
  bus.request(3, 3);
  EXPECT_TRUE(bus.requests_at("w1").empty()) << "it still holds 1";
  bus.reply("w2", 1);
  bus.reply("w1", 1);
  const std::size_t sent = bus.requests_at("w1").size() + bus.requests_at("w2").size();
  EXPECT_GE(sent, 1U);
  EXPECT_EQ(bus.verdicts(), (Verdicts{{1, answered}}));
}

TEST(SlowWorker, KeepsTheKeyIfThereIsNoOther) {
  Pair bus;
  bus.request(1, 9);
  bus.pass(5s, {gateway, w1});
  bus.reply("w1", 1);
  EXPECT_EQ(bus.verdicts(), (Verdicts{{1, answered}}));
}

TEST(SlowWorker, IsNoVerdictOfPoison) {
  Pair bus;
  bus.second();
  const std::vector<PeerKey> alive{gateway, w1, w2};
  bus.request(1, 9, 20s);
  bus.pass(20s, alive);
  EXPECT_EQ(bus.verdicts(), (Verdicts{{1, Errc::retry_later}}));
  EXPECT_EQ(bus.counters().parked, 0U);
  EXPECT_EQ(bus.counters().sent, 3U) << "amplification is bounded";
}

TEST(SlowWorker, ThatDiesInTheEndCondemnsNobody) {
  Pair bus;
  bus.second();
  const std::vector<PeerKey> alive{gateway, w1, w2};
  bus.request(1, 9, 20s);
  bus.pass(7'600ms, alive);
  ASSERT_EQ(bus.counters().sent, 3U);
  bus.unreachable(w1);
  bus.unreachable(w2);
  EXPECT_EQ(bus.verdicts(), (Verdicts{{1, Errc::retry_later}})) << "one death is no proof";
  EXPECT_EQ(bus.counters().parked, 0U);
  EXPECT_EQ(bus.broker.held(), 0U);
}

// Kills "w1" and starts it again, `deaths` times; what died twice has rested then.
void kill_repeatedly(Pair& bus, int deaths) {
  for (int i = 0; i < deaths; ++i) {
    bus.restart_worker("w1", ++bus.lives);
    bus.rest({gateway, BrokerHarness::worker_key("w1", bus.lives)});
  }
}

TEST(GatewayDeath, TakesWithItWhatNoWorkerHas) {
  Pair bus({.messages = 1});
  bus.register_gateway("other");
  bus.request(1, 9);
  bus.request(2, 9);
  bus.request(3, 5);
  const RequestId others = BrokerHarness::id(1, "other");
  bus.give(BrokerHarness::gateway_key("other"),
           {.verb = verb_send, .key = 9, .id = others, .ttl_ms = 5'000}, "x");
  bus.unreachable(gateway);
  EXPECT_EQ(bus.broker.held(), 2U) << "1, which a worker has, and the other gateway's";
  EXPECT_EQ(bus.counters().abandoned, 2U);
  bus.take(w1, EnvelopeKind::request);
  bus.reply("w1", 1);
  const auto next = bus.take(w1, EnvelopeKind::request);
  ASSERT_EQ(next.size(), 1U);
  EXPECT_EQ(next[0].header.id, others);
}

TEST(GatewayDeath, LetsItsRequestsDieWithTheirWorker) {
  Pair bus;
  bus.request(1, 9);
  bus.unreachable(gateway);
  bus.unreachable(w1);
  bus.second();
  EXPECT_TRUE(bus.requests_at("w2").empty()) << "nobody waits for it";
  EXPECT_EQ(bus.broker.held(), 0U);
}

// What it published again must not be overtaken by what this broker still had of it.
TEST(GatewayDeath, AndReturnKeepsTheOrderOfWhatIsPublishedAgain) {
  Pair bus;
  for (std::uint64_t i = 1; i <= 2; ++i) bus.request(i, 9);
  bus.unreachable(gateway);
  bus.unreachable(w1);
  bus.register_gateway("g");
  for (std::uint64_t i = 1; i <= 3; ++i) bus.request(i, 9);
  bus.second();
  EXPECT_EQ(bus.requests_at("w2"), (Numbers{1, 2, 3}));
}

TEST(Poison, IsParkedAfterThreeDeathsAndAnsweredDefinitely) {
  Pair bus;
  bus.request(1, 9);
  kill_repeatedly(bus, 2);
  EXPECT_TRUE(bus.verdicts().empty());
  kill_repeatedly(bus, 1);
  EXPECT_EQ(bus.verdicts(), (Verdicts{{1, Errc::internal}}));
  ASSERT_EQ(bus.broker.parked().size(), 1U);
  EXPECT_EQ(bus.broker.parked()[0].id, BrokerHarness::id(1));
  EXPECT_EQ(bus.broker.parked()[0].verb, verb_send);
  EXPECT_EQ(bus.broker.parked()[0].key, 9U);
  EXPECT_EQ(bus.broker.parked()[0].bytes.size(), 97U);
  EXPECT_EQ(bus.status().services(0).poisoned(), 1U);
  EXPECT_EQ(bus.broker.held(), 0U);
}

// "w1" and then "w2", while "w3" is there.
void two_die_with_all(Pair& bus) {
  bus.second();
  bus.unreachable(w1);
  bus.register_worker("w3");
  bus.unreachable(w2);
}

// All workers are killed together; each was given what the one before had, until its own death was noticed.
TEST(Poison, IsNotWhatAllWorkersDiedWithAtOnce) {
  Pair bus;
  bus.request(1, 9);
  two_die_with_all(bus);
  bus.unreachable(w3);
  bus.rest({gateway});
  EXPECT_TRUE(bus.verdicts().empty());
  EXPECT_EQ(bus.counters().sent, 2U);
  bus.register_worker("w1", {}, 2);
  const auto received = bus.take(BrokerHarness::worker_key("w1", 2), EnvelopeKind::request);
  ASSERT_EQ(received.size(), 1U);
  EXPECT_EQ(received[0].header.attempt, limits::attempts_max);
  bus.reply("w1", 1, 2);
  EXPECT_EQ(bus.verdicts(), (Verdicts{{1, answered}}));
}

TEST(Poison, RestsBeforeItsLastAttemptAndItsKeyWithIt) {
  Pair bus;
  const std::vector<PeerKey> alive{gateway, w3};
  bus.request(1, 9);
  bus.request(2, 9);
  two_die_with_all(bus);
  bus.request(3, 9);
  bus.request(4, 4);
  bus.pass(1'400ms, alive);
  bus.register_worker("w4");
  EXPECT_EQ(bus.requests_at("w3"), (Numbers{4})) << "of another key";
  EXPECT_TRUE(bus.requests_at("w4").empty()) << "a worker that comes wakes nobody";
  bus.unreachable(BrokerHarness::worker_key("w4"));
  bus.pass(100ms, alive);
  EXPECT_EQ(bus.requests_at("w3"), (Numbers{1})) << "2 is on its last attempt, too";
  bus.reply("w3", 1);
  EXPECT_EQ(bus.requests_at("w3"), (Numbers{2, 3}));
}

// What it could not hear meanwhile it has to be given time to hear.
TEST(Poison, RestsAnewWhenTheBrokerStoodStill) {
  Pair bus;
  bus.request(1, 9);
  two_die_with_all(bus);
  bus.stand_still(1'600ms);
  bus.tick();
  EXPECT_TRUE(bus.requests_at("w3").empty());
  bus.pass(1'400ms, {gateway});
  EXPECT_TRUE(bus.requests_at("w3").empty());
  bus.pass(100ms, {gateway});
  EXPECT_TRUE(bus.requests_at("w3").empty()) << "it is dead, too";
  bus.register_worker("w4");
  EXPECT_EQ(bus.requests_at("w4"), (Numbers{1}));
}

// Who is silent is found in a tick; until then nobody is given anything that may have killed others.
TEST(Poison, RestsUntilATick) {
  Pair bus;
  bus.request(1, 9);
  two_die_with_all(bus);
  bus.pass(1'400ms, {gateway, w3});
  bus.stand_still(150ms);
  bus.register_worker("w4");
  EXPECT_TRUE(bus.requests_at("w3").empty() && bus.requests_at("w4").empty());
  bus.tick();
  EXPECT_EQ(bus.requests_at("w3").size() + bus.requests_at("w4").size(), 1U);
}

TEST(Poison, LetsItsKeyGoOnAtOnceIfItIsNotTriedAgain) {
  Pair bus;
  bus.second();
  bus.request(1, 9, 20s);
  bus.pass(2'500ms, {gateway, w1, w2});
  ASSERT_EQ(bus.counters().sent, 2U) << "w1 was slow";
  bus.unreachable(w2);
  bus.request(2, 9);
  bus.register_worker("w3");
  bus.unreachable(w1);
  EXPECT_EQ(bus.verdicts(), (Verdicts{{1, Errc::retry_later}})) << "three attempts, two deaths";
  EXPECT_EQ(bus.requests_at("w3"), (Numbers{2}));
}

TEST(Poison, RestsEachKeyForItself) {
  Pair bus;
  bus.request(1, 9);
  two_die_with_all(bus);
  bus.pass(500ms, {gateway, w3});
  bus.request(2, 4);
  for (const std::string next : {"w4", "w5"}) {
    const std::string before = next == "w4" ? "w3" : "w4";
    bus.register_worker(next);
    bus.unreachable(BrokerHarness::worker_key(before));
  }
  const std::vector<PeerKey> alive{gateway, BrokerHarness::worker_key("w5")};
  bus.pass(1s, alive);
  EXPECT_EQ(bus.requests_at("w5"), (Numbers{1}));
  bus.reply("w5", 1);
  bus.pass(400ms, alive);
  EXPECT_TRUE(bus.requests_at("w5").empty());
  bus.pass(100ms, alive);
  EXPECT_EQ(bus.requests_at("w5"), (Numbers{2}));
}

TEST(Poison, KeepsItsKeyNoLongerOnceItIsParked) {
  Pair bus;
  bus.request(1, 9);
  two_die_with_all(bus);
  bus.request(2, 9);
  bus.rest({gateway, w3});
  bus.register_worker("w4");
  bus.unreachable(w3);
  EXPECT_EQ(bus.verdicts(), (Verdicts{{1, Errc::internal}}));
  EXPECT_EQ(bus.requests_at("w4"), (Numbers{2}));
}

TEST(Poison, ThatExpiresWhileItRestsIsForgotten) {
  Pair bus;
  bus.request(1, 9, 1s);
  two_die_with_all(bus);
  bus.pass(1s, {gateway, w3});
  EXPECT_EQ(bus.verdicts(), (Verdicts{{1, Errc::retry_later}}));
  bus.request(2, 9);
  EXPECT_EQ(bus.requests_at("w3"), (Numbers{2}));
}

// All workers left while the broker stood still, or died at once: it hears of each with the next send.
TEST(Poison, IsNotWhatNoWorkerEverReceived) {
  Pair bus;
  bus.second();
  bus.register_worker("w3");
  bus.request(1, 9);
  for (const std::string name : {"w1", "w2", "w3", "w1", "w2", "w3"})
    bus.returned(BrokerHarness::worker_key(name));
  EXPECT_TRUE(bus.verdicts().empty());
  EXPECT_TRUE(bus.broker.parked().empty());
  bus.register_worker("w1", {}, 2);
  const auto received = bus.take(BrokerHarness::worker_key("w1", 2), EnvelopeKind::request);
  ASSERT_EQ(received.size(), 1U);
  EXPECT_EQ(received[0].header.attempt, 1);
}

TEST(Poison, CondemnsOnlyTheCulprit) {
  Pair bus;
  constexpr std::uint64_t culprit = 5;
  for (std::uint64_t i = 1; i <= 10; ++i) bus.request(i, i);
  // Workers die as soon as they have received the culprit; all else they answer, but only then.
  Verdicts verdicts;
  std::uint64_t boot = 1;
  for (int round = 0; round < 100 && bus.broker.held() > 0; ++round) {
    const Numbers got = bus.requests_at("w1", boot);
    if (std::ranges::find(got, culprit) != got.end()) {
      bus.restart_worker("w1", ++boot);
      bus.rest({gateway, BrokerHarness::worker_key("w1", boot)});
    } else {
      for (const std::uint64_t number : got) bus.reply("w1", number, boot);
    }
    verdicts.merge(bus.verdicts());
  }
  EXPECT_EQ(boot, 4U) << "three workers died";
  ASSERT_EQ(verdicts.size(), 10U);
  for (const auto& [number, verdict] : verdicts)
    EXPECT_EQ(verdict, number == culprit ? Errc::internal : answered) << number;
}

TEST(Poison, LastAttemptsAreOutstandingOneAtATime) {
  Pair bus;
  for (std::uint64_t i = 1; i <= 5; ++i) bus.request(i, i);
  kill_repeatedly(bus, 2);
  EXPECT_EQ(bus.requests_at("w1", 3), (Numbers{1}));
  bus.reply("w1", 1, 3);
  EXPECT_EQ(bus.requests_at("w1", 3), (Numbers{2}));
}

TEST(Poison, AnExpiredLastAttemptMakesWayForTheNext) {
  Pair bus;
  bus.request(1, 1, 4s);
  bus.request(2, 2, 9s);
  kill_repeatedly(bus, 2);
  const PeerKey third = BrokerHarness::worker_key("w1", 3);
  EXPECT_EQ(bus.requests_at("w1", 3), (Numbers{1}));
  bus.pass(1s, {gateway, third});
  EXPECT_EQ(bus.requests_at("w1", 3), (Numbers{2}));
}

TEST(Poison, TheParkedAreBoundedAndTheOldestForgotten) {
  Pair bus({}, {.parked_max = 2});
  std::uint64_t boot = 1;
  for (std::uint64_t number = 1; number <= 3; ++number) {
    bus.request(number, number);
    for (int death = 0; death < 3; ++death) {
      bus.restart_worker("w1", ++boot);
      bus.rest({gateway, BrokerHarness::worker_key("w1", boot)});
    }
  }
  EXPECT_EQ(bus.counters().parked, 3U);
  ASSERT_EQ(bus.broker.parked().size(), 2U);
  EXPECT_EQ(bus.broker.parked()[0].id.number, 2U);
}

TEST(WorkerDrain, GivesItNothingNewAndMovesWhatWaits) {
  Pair bus({.messages = 1});
  bus.request(1, 1);
  bus.request(2, 2);
  bus.request(3, 1);
  bus.second({});
  bus.say(w1, EnvelopeKind::drain);
  EXPECT_EQ(bus.requests_at("w2"), (Numbers{2})) << "3 waits for 1, which w1 still holds";
  bus.request(4, 1);
  bus.request(5, 5);
  EXPECT_EQ(bus.requests_at("w2"), (Numbers{5}));
  bus.reply("w1", 1);
  EXPECT_EQ(bus.requests_at("w2"), (Numbers{3, 4}));
  EXPECT_EQ(bus.requests_at("w1"), (Numbers{1}));
  EXPECT_EQ(bus.verdicts(), (Verdicts{{1, answered}}));
}

TEST(WorkerDrain, EndsWithByeAndCountsNoAttempt) {
  Pair bus;
  bus.request(1, 1);
  for (std::uint64_t boot = 1; boot <= 5; ++boot) {
    const PeerKey leaving = BrokerHarness::worker_key("w1", boot);
    bus.say(leaving, EnvelopeKind::drain);
    bus.say(leaving, EnvelopeKind::bye);
    bus.register_worker("w1", {}, boot + 1);
    const auto next = BrokerHarness::worker_key("w1", boot + 1);
    const auto got = bus.take(next, EnvelopeKind::request);
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0].header.attempt, 1);
  }
  EXPECT_EQ(bus.counters().parked, 0U);
}

TEST(WorkerDrain, LetsAKeyGoWhenWhatItHeldOfItExpires) {
  Pair bus({.messages = 1});
  bus.request(1, 1, 1s);
  bus.request(2, 1);
  bus.second();
  bus.say(w1, EnvelopeKind::drain);
  EXPECT_TRUE(bus.requests_at("w2").empty());
  bus.pass(1s, {gateway, w1, w2});
  EXPECT_EQ(bus.requests_at("w2"), (Numbers{2}));
}

TEST(WorkerDrain, OfTheOnlyWorkerHoldsWhatWaitsForTheNext) {
  Pair bus({.messages = 1});
  bus.request(1, 1);
  bus.request(2, 2);
  bus.say(w1, EnvelopeKind::drain);
  bus.request(3, 3);
  bus.reply("w1", 1);
  EXPECT_EQ(bus.requests_at("w1"), (Numbers{1}));
  bus.say(w1, EnvelopeKind::bye);
  bus.second({});
  EXPECT_EQ(bus.requests_at("w2"), (Numbers{2, 3}));
}

}  // namespace
}  // namespace parley::test
