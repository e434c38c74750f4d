// Who may register, who is alive, who is turned away.
#include "tests/unit/bus/broker_harness.h"

namespace parley::test {
namespace {

const PeerKey gateway = BrokerHarness::gateway_key("g");
const PeerKey worker = BrokerHarness::worker_key("w");

Errc refusal(BrokerHarness& bus, const PeerKey& peer) {
  const auto refused = bus.take(peer, EnvelopeKind::not_registered);
  return refused.size() == 1 ? static_cast<Errc>(refused[0].header.error) : answered;
}

TEST(Registration, IsAnsweredWithNamesAndIntervals) {
  BrokerHarness bus({.name = "b7", .boot = BootId{99}});
  bus.register_gateway("g");
  const auto answers = bus.take(gateway, EnvelopeKind::registered);
  ASSERT_EQ(answers.size(), 1U);
  wire::Registered body;
  ASSERT_TRUE(body.ParseFromString(answers[0].body));
  EXPECT_EQ(body.broker(), "b7");
  EXPECT_EQ(body.broker_boot(), 99U);
  EXPECT_EQ(body.ping_every_ms(), 500U);
  EXPECT_EQ(body.dead_after_ms(), 1'500U);
}

TEST(Registration, RepeatedOnTheSameConnectionIsAnsweredAgainAndChangesNothing) {
  BrokerHarness bus;
  bus.register_gateway("g");
  bus.register_worker("w");
  bus.request(1, 1);
  bus.register_worker("w");
  EXPECT_EQ(bus.take(worker, EnvelopeKind::registered).size(), 2U);
  EXPECT_EQ(bus.counters().peers_lost, 0U);
  bus.reply("w", 1);
  EXPECT_EQ(bus.verdicts(), (std::map<std::uint64_t, Errc>{{1, answered}}));
}

TEST(Registration, AnUnknownPeersTrafficIsTurnedAway) {
  BrokerHarness bus;
  bus.register_worker("w");
  for (const EnvelopeKind kind : {EnvelopeKind::ping, EnvelopeKind::pong, EnvelopeKind::request,
                                  EnvelopeKind::reply, EnvelopeKind::deliver, EnvelopeKind::drain,
                                  EnvelopeKind::bye}) {
    bus.say(gateway, kind);
    EXPECT_EQ(refusal(bus, gateway), Errc::unauthenticated);
  }
  EXPECT_EQ(bus.requests_at("w"), std::vector<std::uint64_t>{});
  EXPECT_EQ(bus.counters().strangers, 7U);
}

TEST(Registration, TheNextLifeTakesThePlaceOfADeadOneAtItsSecondAttempt) {
  BrokerHarness bus;
  bus.register_gateway("g");
  bus.register_worker("w", {}, 1);
  bus.request(1, 1);
  EXPECT_EQ(bus.requests_at("w", 1), std::vector<std::uint64_t>{1});
  bus.register_worker("w", {}, 2);
  EXPECT_EQ(refusal(bus, BrokerHarness::worker_key("w", 2)), Errc::conflict);
  EXPECT_EQ(bus.take(BrokerHarness::worker_key("w", 1), EnvelopeKind::ping).size(), 1U);
  bus.unreachable(BrokerHarness::worker_key("w", 1));  // what became of the ping
  bus.register_worker("w", {}, 2);
  EXPECT_EQ(bus.requests_at("w", 2), std::vector<std::uint64_t>{1});
  EXPECT_FALSE(bus.is_registered(BrokerHarness::worker_key("w", 1)));
  bus.reply("w", 1, 1);
  EXPECT_TRUE(bus.verdicts().empty()) << "the former incarnation must not answer";
  bus.reply("w", 1, 2);
  EXPECT_EQ(bus.verdicts().size(), 1U);
}

TEST(Registration, OfTwoThatShareANameTheFirstStaysAndNothingIsCondemned) {
  BrokerHarness bus;
  bus.register_gateway("g");
  bus.register_worker("w", {}, 1);
  bus.request(1, 1);
  for (std::uint64_t boot = 2; boot < 10; ++boot) {
    bus.register_worker("w", {}, boot);
    EXPECT_EQ(refusal(bus, BrokerHarness::worker_key("w", boot)), Errc::conflict);
    bus.pass(500ms, {gateway, BrokerHarness::worker_key("w", 1)});
  }
  EXPECT_EQ(bus.counters().peers_lost, 0U);
  EXPECT_EQ(bus.counters().registrations_refused, 8U);
  bus.reply("w", 1, 1);
  EXPECT_EQ(bus.verdicts(), (std::map<std::uint64_t, Errc>{{1, answered}}));
}

TEST(Registration, AnotherLifeOnTheSameConnectionReplacesTheFormer) {
  BrokerHarness bus;
  bus.register_gateway("g", 1);
  const PeerKey same = BrokerHarness::gateway_key("g", 1);
  wire::RegisterPeer body;
  body.set_role(wire::PEER_ROLE_GATEWAY);
  body.set_name("g");
  bus.give(same, BrokerHarness::registration("g", 2), body.SerializeAsString());
  EXPECT_EQ(bus.take(same, EnvelopeKind::registered).size(), 2U);
  EXPECT_EQ(bus.counters().peers_lost, 1U);
  EXPECT_EQ(bus.broker.peers(), 1U);
}

TEST(Registration, TheSameLifeOnAnotherConnectionIsRefusedWhileTheFirstLives) {
  BrokerHarness bus;
  bus.register_gateway("g", 5);
  const PeerKey first = BrokerHarness::gateway_key("g", 5);
  const PeerKey second{Side::gateways, "another connection"};
  wire::RegisterPeer body;
  body.set_role(wire::PEER_ROLE_GATEWAY);
  body.set_name("g");
  bus.give(second, BrokerHarness::registration("g", 5), body.SerializeAsString());
  EXPECT_EQ(refusal(bus, second), Errc::conflict);
  // The first connection was probed; if that finds nobody, the next attempt succeeds.
  EXPECT_EQ(bus.take(first, EnvelopeKind::ping).size(), 1U);
  bus.unreachable(first);
  bus.give(second, BrokerHarness::registration("g", 5), body.SerializeAsString());
  EXPECT_EQ(bus.take(second, EnvelopeKind::registered).size(), 1U);
}

TEST(Registration, WhatIsNotWellFormedIsRefused) {
  struct Case {
    const char* what;
    Side side;
    wire::PeerRole role;
    std::string name;
    std::vector<std::uint32_t> services;
    std::uint32_t messages, bytes;
    std::uint64_t boot;
  };
  const std::vector<Case> cases{
      {"no name", Side::gateways, wire::PEER_ROLE_GATEWAY, "", {}, 0, 0, 1},
      {"long name", Side::gateways, wire::PEER_ROLE_GATEWAY, std::string(65, 'a'), {}, 0, 0, 1},
      {"odd name", Side::gateways, wire::PEER_ROLE_GATEWAY, "a b\n", {}, 0, 0, 1},
      {"no boot", Side::gateways, wire::PEER_ROLE_GATEWAY, "g", {}, 0, 0, 0},
      {"no role", Side::gateways, wire::PEER_ROLE_UNSPECIFIED, "g", {}, 0, 0, 1},
      {"a worker among gateways", Side::gateways, wire::PEER_ROLE_WORKER, "g", {2}, 1, 1, 1},
      {"a gateway among workers", Side::workers, wire::PEER_ROLE_GATEWAY, "w", {}, 0, 0, 1},
      {"no services", Side::workers, wire::PEER_ROLE_WORKER, "w", {}, 1, 1, 1},
      {"service 0", Side::workers, wire::PEER_ROLE_WORKER, "w", {0}, 1, 1, 1},
      {"service 256", Side::workers, wire::PEER_ROLE_WORKER, "w", {256}, 1, 1, 1},
      {"no credit in messages", Side::workers, wire::PEER_ROLE_WORKER, "w", {2}, 0, 1, 1},
      {"no credit in bytes", Side::workers, wire::PEER_ROLE_WORKER, "w", {2}, 1, 0, 1}};
  for (const Case& c : cases) {
    BrokerHarness bus;
    wire::RegisterPeer body;
    body.set_role(c.role);
    body.set_name(c.name);
    for (const auto service : c.services) body.add_services(service);
    body.set_credit_messages(c.messages);
    body.set_credit_bytes(c.bytes);
    const PeerKey peer{c.side, "x"};
    bus.give(peer, BrokerHarness::registration(c.name, c.boot), body.SerializeAsString());
    EXPECT_EQ(refusal(bus, peer), Errc::bad_request) << c.what;
    EXPECT_EQ(bus.broker.peers(), 0U) << c.what;
  }
}

TEST(Registration, ANameThatDoesNotHashToItsIdIsRefused) {
  BrokerHarness bus;
  wire::RegisterPeer body;
  body.set_role(wire::PEER_ROLE_GATEWAY);
  body.set_name("g");
  bus.give(gateway, BrokerHarness::registration("somebody else", 1), body.SerializeAsString());
  EXPECT_EQ(refusal(bus, gateway), Errc::bad_request);
  bus.give(gateway, BrokerHarness::registration("g", 1), "\xff\xff not protobuf");
  EXPECT_EQ(refusal(bus, gateway), Errc::bad_request);
}

TEST(Registration, IsRefusedWhenTheTableIsFull) {
  BrokerHarness bus({.peers_max = 2});
  bus.register_gateway("g1");
  bus.register_gateway("g2");
  bus.register_gateway("g3");
  EXPECT_EQ(refusal(bus, BrokerHarness::gateway_key("g3")), Errc::retry_later);
  EXPECT_EQ(bus.broker.peers(), 2U);
  // The next life takes the place of its former one, also then.
  bus.restart_gateway("g2", 2);
  EXPECT_TRUE(bus.is_registered(BrokerHarness::gateway_key("g2", 2)));
}

TEST(Registration, CreditBeyondTheLimitIsCut) {
  BrokerHarness bus({.credit_messages_max = 10, .credit_bytes_max = 5'000});
  bus.register_worker("w", {.messages = 1'000'000, .bytes = 4'000'000'000});
  const auto status = bus.status();
  ASSERT_EQ(status.peers_size(), 1);
  EXPECT_EQ(status.peers(0).credit_messages(), 10U);
  EXPECT_EQ(status.peers(0).credit_bytes(), 5'000U);
}

TEST(Liveness, ASilentPeerIsPingedAfterHalfASecondAndDeadAfterOneAndAHalf) {
  BrokerHarness bus;
  bus.register_worker("w");
  bus.pass(400ms);
  EXPECT_TRUE(bus.take(worker, EnvelopeKind::ping).empty());
  bus.pass(100ms);
  EXPECT_EQ(bus.take(worker, EnvelopeKind::ping).size(), 1U);
  bus.pass(900ms);
  EXPECT_EQ(bus.broker.peers(), 1U);
  EXPECT_TRUE(bus.take(worker, EnvelopeKind::not_registered).empty());
  bus.pass(100ms);
  EXPECT_EQ(bus.broker.peers(), 0U);
  EXPECT_EQ(bus.counters().peers_lost, 1U);
  EXPECT_EQ(bus.take(worker, EnvelopeKind::not_registered).size(), 1U) << "it may hear us";
}

TEST(Liveness, AnyTrafficCountsAndABusyPeerIsNotPinged) {
  BrokerHarness bus;
  bus.register_gateway("g");
  for (std::uint64_t i = 1; i <= 30; ++i) {
    bus.request(i, i);
    bus.pass(100ms);
  }
  EXPECT_EQ(bus.broker.peers(), 1U);
  EXPECT_TRUE(bus.take(gateway, EnvelopeKind::ping).empty());
}

TEST(Liveness, ABrokerThatStoodStillForgivesSilence) {
  BrokerHarness bus;
  bus.register_worker("w");
  bus.pass(300ms);
  bus.stand_still(10s);
  bus.tick();
  EXPECT_EQ(bus.broker.peers(), 1U);
  EXPECT_EQ(bus.counters().stalls, 1U);
  bus.pass(1'400ms);
  EXPECT_EQ(bus.broker.peers(), 1U);
  bus.pass(100ms);
  EXPECT_EQ(bus.broker.peers(), 0U) << "forgiven once, not for ever";
}

TEST(Liveness, ADisconnectHintProbesEverybody) {
  BrokerHarness bus;
  bus.register_gateway("g");
  bus.register_worker("w");
  bus.hint();
  EXPECT_EQ(bus.take(gateway, EnvelopeKind::ping).size(), 1U);
  EXPECT_EQ(bus.take(worker, EnvelopeKind::ping).size(), 1U);
}

TEST(Liveness, APeerThatSaysByeIsGoneWithoutBeingCountedAsLost) {
  BrokerHarness bus;
  bus.register_gateway("g");
  bus.say(gateway, EnvelopeKind::bye);
  EXPECT_EQ(bus.broker.peers(), 0U);
  EXPECT_EQ(bus.counters().peers_lost, 0U);
}

TEST(Drain, OfTheBrokerSendsGatewaysElsewhereAndFinishesWhatItHolds) {
  BrokerHarness bus;
  bus.register_gateway("g");
  bus.register_worker("w");
  bus.request(1, 1);
  bus.drain();
  EXPECT_EQ(refusal(bus, gateway), Errc::going_away);
  EXPECT_FALSE(bus.broker.is_drained());
  bus.request(2, 2);
  const auto refused = bus.take(gateway, EnvelopeKind::not_registered);
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].header.id, BrokerHarness::id(2)) << "says which request was not taken";
  bus.register_gateway("g2");
  EXPECT_EQ(refusal(bus, BrokerHarness::gateway_key("g2")), Errc::going_away);
  bus.reply("w", 1);
  EXPECT_EQ(bus.verdicts().size(), 1U);
  EXPECT_TRUE(bus.broker.is_drained());
}

}  // namespace
}  // namespace parley::test
