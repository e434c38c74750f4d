// Which worker gets which request, when, and who gets the answer.
#include <set>

#include "tests/unit/bus/broker_harness.h"

namespace parley::test {
namespace {

using Numbers = std::vector<std::uint64_t>;
using Verdicts = std::map<std::uint64_t, Errc>;

const PeerKey gateway = BrokerHarness::gateway_key("g");

struct OneWorker : BrokerHarness {
  explicit OneWorker(PeerCredit credit = {}, BrokerOptions options = {}) : BrokerHarness(options) {
    register_gateway("g");
    register_worker("w", credit);
  }
};

struct ThreeWorkers : BrokerHarness {
  explicit ThreeWorkers(PeerCredit credit = {}) {
    register_gateway("g");
    for (const char* name : names) register_worker(name, credit);
  }
  // Who has the requests that were sent since the last call.
  std::map<std::string, Numbers> spread() {
    std::map<std::string, Numbers> all;
    for (const char* name : names) {
      const Numbers numbers = requests_at(name);
      if (!numbers.empty()) all[name] = numbers;
    }
    return all;
  }
  std::string only_worker() {
    const auto all = spread();
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? "" : all.begin()->first;
  }
  static constexpr std::array names{"w1", "w2", "w3"};
};

TEST(Dispatch, ForwardsTheBodyUntouchedWithAttemptAndRemainingTime) {
  OneWorker bus({.messages = 1});
  bus.request(1, 7, 5s);
  bus.request(2, 7, 5s);
  const auto first = bus.take(BrokerHarness::worker_key("w"), EnvelopeKind::request);
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].body, "1");
  EXPECT_EQ(first[0].header.attempt, 1);
  EXPECT_EQ(first[0].header.ttl_ms, 5'000U);
  EXPECT_EQ(first[0].header.key, 7U);
  bus.pass(300ms);
  bus.reply("w", 1);
  const auto second = bus.take(BrokerHarness::worker_key("w"), EnvelopeKind::request);
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0].header.ttl_ms, 4'700U) << "the time it waited here is gone";
}

TEST(Dispatch, NeverExceedsCreditInMessages) {
  OneWorker bus({.messages = 2});
  for (std::uint64_t i = 1; i <= 5; ++i) bus.request(i, i);
  EXPECT_EQ(bus.requests_at("w"), (Numbers{1, 2}));
  bus.reply("w", 2);
  EXPECT_EQ(bus.requests_at("w"), (Numbers{3}));
  bus.reply("w", 1);
  bus.reply("w", 3);
  EXPECT_EQ(bus.requests_at("w"), (Numbers{4, 5}));
}

TEST(Dispatch, NeverExceedsCreditInBytesButForOneThatTravelsAlone) {
  OneWorker bus({.messages = 100, .bytes = 250});  // two envelopes of 97 bytes
  for (std::uint64_t i = 1; i <= 3; ++i) bus.request(i, i);
  EXPECT_EQ(bus.requests_at("w"), (Numbers{1, 2}));
  bus.give(gateway, {.verb = verb_send, .key = 4, .id = BrokerHarness::id(4), .ttl_ms = 9'000},
           std::string(1'000, 'x'));
  bus.reply("w", 1);
  EXPECT_EQ(bus.requests_at("w"), (Numbers{3}));
  bus.reply("w", 2);
  EXPECT_TRUE(bus.requests_at("w").empty()) << "the large one waits until it is alone";
  bus.reply("w", 3);
  EXPECT_EQ(bus.requests_at("w"), (Numbers{4}));
  bus.request(5, 5);
  EXPECT_EQ(bus.requests_at("w"), (Numbers{}));
  bus.reply("w", 4);
  EXPECT_EQ(bus.requests_at("w"), (Numbers{5}));
}

TEST(Dispatch, AKeyComesBackToItsWorkerAndKeysSpread) {
  ThreeWorkers bus;
  std::set<std::string> used;
  std::uint64_t number = 0;
  for (std::uint64_t key = 0; key < 50; ++key) {
    bus.request(++number, key);
    const std::string home = bus.only_worker();
    used.insert(home);
    bus.reply(home, number);
    bus.request(++number, key);
    EXPECT_EQ(bus.only_worker(), home);
    bus.reply(home, number);
  }
  EXPECT_EQ(used.size(), 3U);
}

TEST(Dispatch, AFreeKeySpillsToTheNextWorkerWithCredit) {
  ThreeWorkers bus({.messages = 1});
  for (std::uint64_t i = 1; i <= 3; ++i) bus.request(i, 100 + i);
  EXPECT_EQ(bus.spread().size(), 3U) << "three workers with credit 1 take one each";
}

TEST(Dispatch, ABusyKeyStaysBehindItselfEvenIfOthersHaveCredit) {
  ThreeWorkers bus({.messages = 1});
  bus.request(1, 7);
  const std::string home = bus.only_worker();
  bus.request(2, 7);
  bus.request(3, 7);
  EXPECT_TRUE(bus.spread().empty());
  bus.reply(home, 1);
  EXPECT_EQ(bus.requests_at(home), (Numbers{2}));
  bus.reply(home, 2);
  EXPECT_EQ(bus.requests_at(home), (Numbers{3}));
}

TEST(Dispatch, TheSameKeyOfAnotherServiceIsAnotherLane) {
  BrokerHarness bus;
  bus.register_gateway("g");
  bus.register_worker("c", {.messages = 1}, 1, {ServiceId::c2c});
  bus.register_worker("l", {.messages = 1}, 1, {ServiceId::login});
  bus.request(1, 7);
  bus.give(gateway,
           {.verb = static_cast<std::uint16_t>(Verb::login_find),
            .key = 7,
            .id = BrokerHarness::id(2),
            .ttl_ms = 1'000},
           "");
  EXPECT_EQ(bus.requests_at("c"), (Numbers{1}));
  EXPECT_EQ(bus.requests_at("l"), (Numbers{2}));
}

TEST(Dispatch, AFullQueueRefusesTheNewestAtOnceWithAHint) {
  OneWorker bus({.messages = 1}, {.queue_messages_max = 2});
  for (std::uint64_t i = 1; i <= 4; ++i) bus.request(i, i);
  const auto refused = bus.replies();
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].header.id.number, 4U);
  EXPECT_EQ(static_cast<Errc>(refused[0].header.error), Errc::retry_later);
  EXPECT_GT(refused[0].header.retry_after_ms, 0U);
  bus.reply("w", 1);
  bus.request(5, 5);
  EXPECT_EQ(bus.verdicts(), (Verdicts{{1, answered}})) << "there is room again";
}

TEST(Dispatch, AFullQueueIsAlsoFullInBytes) {
  OneWorker bus({.messages = 1}, {.queue_bytes_max = 200});
  for (std::uint64_t i = 1; i <= 4; ++i) bus.request(i, i);  // 97 bytes each
  EXPECT_EQ(bus.verdicts(), (Verdicts{{4, Errc::retry_later}}));
}

TEST(Dispatch, TheBrokerAsAWholeHoldsNoMoreThanItsBounds) {
  {
    OneWorker bus({}, {.held_messages_max = 3});
    for (std::uint64_t i = 1; i <= 4; ++i) bus.request(i, i);
    EXPECT_EQ(bus.verdicts(), (Verdicts{{4, Errc::retry_later}}));
  }
  OneWorker bus({}, {.held_bytes_max = 300});
  for (std::uint64_t i = 1; i <= 4; ++i) bus.request(i, i);
  EXPECT_EQ(bus.verdicts(), (Verdicts{{4, Errc::retry_later}}));
  EXPECT_LE(bus.broker.held_bytes(), 300U);
}

TEST(Dispatch, ARepeatedRequestThatIsHereIsIgnored) {
  OneWorker bus({.messages = 1});
  bus.request(1, 1);
  bus.request(2, 2);
  bus.request(1, 1);
  bus.request(2, 2);
  EXPECT_EQ(bus.counters().duplicates, 2U);
  bus.reply("w", 1);
  bus.reply("w", 2);
  EXPECT_EQ(bus.verdicts().size(), 2U);
  EXPECT_EQ(bus.requests_at("w"), (Numbers{1, 2}));
  bus.request(1, 1);
  EXPECT_EQ(bus.requests_at("w"), (Numbers{1})) << "answered before: asked again, under its id";
}

// The first is on its way to its answer; a refusal of the second would be another one.
TEST(Dispatch, ARepetitionIsIgnoredWhateverIsWrongWithIt) {
  BrokerHarness bus;
  bus.register_gateway("g");
  bus.register_worker("w1");
  bus.request(1, 7);
  bus.give(BrokerHarness::gateway_key("g"),
           {.verb = static_cast<std::uint16_t>(Verb::push_publish), .id = bus.id(1)}, {});
  bus.drain();
  bus.request(1, 7);
  EXPECT_TRUE(bus.verdicts().empty());
  bus.reply("w1", 1);
  EXPECT_EQ(bus.verdicts(), (std::map<std::uint64_t, Errc>{{1, answered}}));
}

TEST(Dispatch, AReplyWhoseGatewayHasGoneIsDropped) {
  OneWorker bus;
  bus.request(1, 1);
  bus.restart_gateway("g", 2);  // another life: it never asked
  bus.reply("w", 1);
  EXPECT_TRUE(bus.replies("g", 1).empty());
  EXPECT_TRUE(bus.replies("g", 2).empty());
  EXPECT_EQ(bus.counters().orphan_replies, 1U);
  EXPECT_EQ(bus.broker.held(), 0U);
}

TEST(Dispatch, ARequestWithNoTimeLeftIsAnsweredNotSent) {
  OneWorker bus;
  bus.request(1, 1, 0s);
  EXPECT_EQ(bus.verdicts(), (Verdicts{{1, Errc::retry_later}}));
  EXPECT_TRUE(bus.requests_at("w").empty());
}

TEST(Dispatch, RequestsThatAgedWhileTheBrokerStoodStillAreNotSent) {
  OneWorker bus;
  bus.pass(100ms);
  bus.stand_still(10s);
  bus.request(1, 1, 9s);
  bus.request(2, 2, 12s);
  EXPECT_EQ(bus.verdicts(), (Verdicts{{1, Errc::retry_later}}));
  EXPECT_EQ(bus.requests_at("w"), (Numbers{2}));
  bus.tick();
  bus.request(3, 3, 9s);
  EXPECT_EQ(bus.requests_at("w"), (Numbers{3})) << "after the backlog requests are fresh again";
}

TEST(Expiry, AnswersWhatWaitsAndWhatIsOutstanding) {
  OneWorker bus({.messages = 1});
  const std::vector<PeerKey> alive{gateway, BrokerHarness::worker_key("w")};
  bus.request(1, 1, 1s);
  bus.request(2, 2, 1s);
  bus.pass(1s, alive);
  EXPECT_EQ(bus.verdicts(), (Verdicts{{1, Errc::retry_later}, {2, Errc::retry_later}}));
  bus.request(3, 3);
  EXPECT_EQ(bus.requests_at("w"), (Numbers{1})) << "the worker still holds 1: no credit";
  bus.reply("w", 1);
  EXPECT_EQ(bus.requests_at("w"), (Numbers{3}));
  EXPECT_TRUE(bus.verdicts().empty()) << "the late answer of 1 goes nowhere";
  EXPECT_EQ(bus.counters().late_replies, 1U);
}

TEST(Orphans, AreHeldWhileNobodyServesAndFlushedInOrder) {
  OneWorker bus;
  bus.unreachable(BrokerHarness::worker_key("w"));
  for (std::uint64_t i = 1; i <= 6; ++i) bus.request(i, i % 2);
  EXPECT_TRUE(bus.verdicts().empty());
  bus.register_worker("w", {}, 2);
  EXPECT_EQ(bus.requests_at("w", 2), (Numbers{1, 2, 3, 4, 5, 6}));
}

TEST(Orphans, AreBoundedAndExpire) {
  OneWorker bus({}, {.queue_messages_max = 1});
  bus.unreachable(BrokerHarness::worker_key("w"));
  bus.request(1, 1, 1s);
  bus.request(2, 2, 1s);
  EXPECT_EQ(bus.verdicts(), (Verdicts{{2, Errc::retry_later}}));
  bus.pass(1s, {gateway});
  EXPECT_EQ(bus.verdicts(), (Verdicts{{1, Errc::retry_later}}));
  EXPECT_EQ(bus.broker.held(), 0U);
}

TEST(Orphans, OfAServiceThatNobodyEverOfferedAreRefusedOnceTheBrokerIsNotFresh) {
  BrokerHarness bus;
  bus.register_gateway("g");
  bus.request(1, 1);
  EXPECT_TRUE(bus.verdicts().empty()) << "workers may be slower to return than gateways";
  bus.pass(3s, {gateway});
  EXPECT_EQ(bus.verdicts(), (Verdicts{{1, Errc::no_service}}));
  bus.request(2, 2);
  EXPECT_EQ(bus.verdicts(), (Verdicts{{2, Errc::no_service}}));
}

TEST(Deliver, GoesToItsGatewayOrToAllOrComesBack) {
  OneWorker bus;
  bus.register_gateway("h");
  const PeerKey worker = BrokerHarness::worker_key("w");
  const auto deliver = [&](InstanceId to) {
    bus.give(worker, {.kind = EnvelopeKind::deliver, .key = 3, .id = {.gateway = to}}, "items");
  };
  deliver(instance_id("h"));
  EXPECT_EQ(bus.take(BrokerHarness::gateway_key("h"), EnvelopeKind::deliver).size(), 1U);
  EXPECT_TRUE(bus.take(gateway, EnvelopeKind::deliver).empty());
  deliver(InstanceId{});
  EXPECT_EQ(bus.take(BrokerHarness::gateway_key("h"), EnvelopeKind::deliver).size(), 1U);
  EXPECT_EQ(bus.take(gateway, EnvelopeKind::deliver).size(), 1U);
  deliver(instance_id("nobody"));
  const auto back = bus.take(worker, EnvelopeKind::unreachable);
  ASSERT_EQ(back.size(), 1U);
  EXPECT_EQ(back[0].header.id.gateway, instance_id("nobody"));
  EXPECT_EQ(back[0].body, "items");
}

TEST(Status, IsAnsweredToAnybodyAndTellsWhoServesWhat) {
  OneWorker bus({.messages = 1, .bytes = 4'096});
  bus.request(1, 1);
  bus.request(2, 2);
  bus.pass(200ms);
  const auto status = bus.status();
  EXPECT_EQ(status.name(), "broker-1");
  EXPECT_EQ(status.uptime_ms(), 200U);
  ASSERT_EQ(status.services_size(), 1);
  EXPECT_EQ(status.services(0).name(), "c2c");
  EXPECT_EQ(status.services(0).workers(), 1U);
  EXPECT_EQ(status.services(0).queued(), 1U);
  EXPECT_EQ(status.services(0).requests(), 2U);
  ASSERT_EQ(status.peers_size(), 2);
  const auto& first = status.peers(0);
  const auto& worker = first.role() == wire::PEER_ROLE_WORKER ? first : status.peers(1);
  EXPECT_EQ(worker.name(), "w");
  EXPECT_EQ(worker.outstanding_messages(), 1U);
  EXPECT_EQ(worker.outstanding_bytes(), 97U);
  EXPECT_EQ(worker.credit_messages(), 1U);
  EXPECT_EQ(worker.silent_ms(), 200U);
  EXPECT_EQ(worker.requests(), 1U);
}

// "Any other event": what a peer may not say is dropped and counted, and changes nothing.
TEST(Misplaced, EnvelopesAreDroppedAndCounted) {
  OneWorker bus;
  const PeerKey worker = BrokerHarness::worker_key("w");
  bus.request(1, 1);
  bus.requests_at("w");
  std::uint64_t expected = 0;
  for (const EnvelopeKind kind :
       {EnvelopeKind::reply, EnvelopeKind::deliver, EnvelopeKind::drain, EnvelopeKind::registered,
        EnvelopeKind::not_registered, EnvelopeKind::unreachable, EnvelopeKind::status_reply}) {
    bus.give(gateway, {.kind = kind, .id = BrokerHarness::id(1)}, "");
    EXPECT_EQ(bus.counters().misplaced, ++expected) << static_cast<int>(kind);
  }
  for (const EnvelopeKind kind :
       {EnvelopeKind::request, EnvelopeKind::registered, EnvelopeKind::not_registered,
        EnvelopeKind::unreachable, EnvelopeKind::status_reply}) {
    bus.give(worker, {.kind = kind, .id = BrokerHarness::id(1)}, "");
    EXPECT_EQ(bus.counters().misplaced, ++expected) << static_cast<int>(kind);
  }
  // A request in the name of another gateway, or of another life.
  bus.give(gateway, {.verb = verb_send, .id = BrokerHarness::id(2, "other"), .ttl_ms = 1'000}, "");
  bus.give(gateway, {.verb = verb_send, .id = BrokerHarness::id(2, "g", 9), .ttl_ms = 1'000}, "");
  EXPECT_EQ(bus.counters().misplaced, expected + 2);
  EXPECT_TRUE(bus.requests_at("w").empty());
  bus.reply("w", 1);
  EXPECT_EQ(bus.verdicts(), (Verdicts{{1, answered}}));
}

TEST(Malformed, BytesAreDroppedAndCounted) {
  OneWorker bus;
  std::string unknown_kind = encode(EnvelopeHeader{.kind = EnvelopeKind::ping}, {});
  unknown_kind[1] = 77;
  std::string unknown_version = encode(EnvelopeHeader{.kind = EnvelopeKind::ping}, {});
  unknown_version[0] = 2;
  for (const std::string& bytes :
       {std::string(), std::string("x"), std::string(95, '\1'), unknown_kind, unknown_version}) {
    bus.give_bytes(gateway, bytes);
    bus.give_bytes({Side::workers, "stranger"}, bytes);
  }
  EXPECT_EQ(bus.counters().malformed, 10U);
  EXPECT_EQ(bus.broker.peers(), 2U);
}

}  // namespace
}  // namespace parley::test
