// Peers on encrypted connections: their key decides what they may be and how they may be called.
#include "tests/unit/bus/business_harness.h"

namespace parley::test {
namespace {

const Principal payroll_key{"key-of-payroll", {Role::business}, "payroll"};
const Principal workers_key{"key-of-workers", {Role::worker}, "worker-*"};

PeerKey encrypted(Side side, const std::string& identity) {
  return {side, identity, Protection::curve};
}

wire::RegisterPeer as(wire::PeerRole role, const std::string& name) {
  wire::RegisterPeer body;
  body.set_role(role);
  body.set_name(name);
  if (role == wire::PEER_ROLE_WORKER) {
    body.add_services(2);
    body.set_credit_messages(1);
    body.set_credit_bytes(1'000);
  }
  return body;
}

TEST(Key, DecidesRoleAndName) {
  const auto verdict = [](const Principal& who, Side side, wire::PeerRole role,
                          const std::string& name) {
    BusinessBus bus;
    bus.register_with_key(encrypted(side, "x"), who, as(role, name));
    return bus.refusal(encrypted(side, "x"));
  };
  constexpr auto gateway = wire::PEER_ROLE_GATEWAY;
  constexpr auto business = wire::PEER_ROLE_BUSINESS;
  constexpr auto worker = wire::PEER_ROLE_WORKER;
  EXPECT_EQ(verdict(payroll_key, Side::gateways, business, "payroll"), std::nullopt);
  EXPECT_EQ(verdict(payroll_key, Side::gateways, business, "payroll2"), Errc::refused);
  EXPECT_EQ(verdict(payroll_key, Side::gateways, gateway, "payroll"), Errc::refused);
  EXPECT_EQ(verdict(workers_key, Side::workers, worker, "worker-1"), std::nullopt);
  EXPECT_EQ(verdict(workers_key, Side::workers, worker, "payroll"), Errc::refused);
  EXPECT_EQ(verdict(workers_key, Side::gateways, gateway, "worker-1"), Errc::refused);
  EXPECT_EQ(verdict(payroll_key, Side::workers, worker, "payroll"), Errc::refused);
}

TEST(Key, SaysWhichAppsItsBearerMayServe) {
  const auto verdict = [](const std::string& name, const std::string& app) {
    BusinessBus bus;
    const PeerKey from = encrypted(Side::gateways, "x");
    bus.register_with_key(from, {"key", {Role::business}, name},
                          BusinessBus::wish_of(name, {.apps = {app}}));
    return bus.refusal(from);
  };
  EXPECT_EQ(verdict("payroll", "app.payroll"), std::nullopt);
  EXPECT_EQ(verdict("payroll-2", "app.payroll"), std::nullopt);
  EXPECT_EQ(verdict("hr.payroll-2", "app.hr.payroll"), std::nullopt);
  EXPECT_EQ(verdict("payroll2", "app.payroll"), Errc::refused);
  EXPECT_EQ(verdict("crm", "app.payroll"), Errc::refused);
  EXPECT_EQ(verdict("pay", "app.payroll"), Errc::refused);
}

TEST(Key, OfAdminsIsNeededToAsk) {
  BusinessBus bus;
  const PeerKey asker = encrypted(Side::gateways, "x");
  for (const EnvelopeKind kind : {EnvelopeKind::status, EnvelopeKind::admin}) {
    bus.give_as(asker, payroll_key, {.kind = kind});
    EXPECT_EQ(bus.refusal(asker), Errc::refused);
  }
  bus.give_as(asker, {"key-of-alice", {Role::admin}, "alice"}, {.kind = EnvelopeKind::status});
  EXPECT_EQ(bus.take(asker, EnvelopeKind::status_reply).size(), 1U);
  EXPECT_EQ(bus.counters().misplaced, 2U);
}

TEST(Key, AnAddressThatIsUsedWithAnotherOneIsNobodysAnyMore) {
  BusinessBus bus;
  const PeerKey address = encrypted(Side::gateways, "x");
  bus.register_with_key(address, payroll_key, as(wire::PEER_ROLE_BUSINESS, "payroll"));
  ASSERT_EQ(bus.take(address, EnvelopeKind::registered).size(), 1U);
  const Principal thief{"key-of-thief", {Role::business}, "*"};
  bus.give_as(address, thief, {.kind = EnvelopeKind::ping});
  EXPECT_EQ(bus.refusal(address), Errc::unauthenticated);
  EXPECT_EQ(bus.counters().peers_lost, 1U);
  bus.give_as(address, payroll_key, {.kind = EnvelopeKind::ping});
  EXPECT_EQ(bus.refusal(address), Errc::unauthenticated) << "it has to register again";
}

TEST(Key, ThatIsRevokedEndsItsPeersAndGivesTheirRequestsToOthers) {
  BusinessBus bus;
  const PeerKey address = encrypted(Side::workers, "x");
  bus.unreachable(BusinessBus::worker_key("w"));
  bus.register_with_key(address, workers_key, as(wire::PEER_ROLE_WORKER, "worker-1"));
  bus.request(1, 5);
  ASSERT_EQ(bus.take(address, EnvelopeKind::request).size(), 1U);
  bus.register_worker("w2");
  bus.broker.on_keys_changed([](const Principal& who) { return who.key.empty(); }, bus.now());
  bus.tick();
  EXPECT_EQ(bus.refusal(address), Errc::refused);
  EXPECT_EQ(bus.requests_at("w2"), (std::vector<std::uint64_t>{1}));
  EXPECT_TRUE(bus.is_registered(BusinessBus::gateway_key("g"))) << "unencrypted ones stay";
}

TEST(Key, ARefusalIsToldToOperators) {
  BusinessBus bus;
  bus.broker.take_events();
  bus.register_with_key(encrypted(Side::gateways, "x"), payroll_key,
                        as(wire::PEER_ROLE_GATEWAY, "gateway-9"));
  const auto events = bus.broker.take_events();
  ASSERT_EQ(events.size(), 1U);
  const auto& event = std::get<PeerEvent>(events[0]);
  EXPECT_EQ(event.kind, PeerEvent::Kind::refused);
  EXPECT_EQ(event.key, payroll_key.key);
  EXPECT_EQ(event.reason, Errc::refused);
}

}  // namespace
}  // namespace parley::test
