// How often each role may ask for what costs the broker something.
#include <gmock/gmock.h>

#include "tests/unit/bus/business_harness.h"

namespace parley::test {
namespace {

using Numbers = std::vector<std::uint64_t>;
using Verdicts = std::map<std::uint64_t, Errc>;

constexpr Rate two_at_once{.count = 10, .burst = 2};

std::vector<PeerEvent::Kind> kinds_of(std::vector<BrokerEvent> events) {
  std::vector<PeerEvent::Kind> kinds;
  for (const BrokerEvent& event : events)
    if (const auto* peer = std::get_if<PeerEvent>(&event)) kinds.push_back(peer->kind);
  return kinds;
}

TEST(RoleRates, OfAGatewayEndInRetryLater) {
  BusinessBus bus({.rates = {.gateway = two_at_once}});
  for (std::uint64_t number = 1; number <= 3; ++number) bus.request(number, 7);
  EXPECT_EQ(bus.requests_at("w"), (Numbers{1, 2}));
  EXPECT_EQ(bus.verdicts(), (Verdicts{{3, Errc::retry_later}}));
  EXPECT_EQ(bus.counters().rate_limited, 1U);
  bus.pass(100ms);
  bus.request(4, 7);
  EXPECT_EQ(bus.requests_at("w"), Numbers{4});
}

TEST(RoleRates, OfAGatewayAreNotSpentByRepetitions) {
  BusinessBus bus({.rates = {.gateway = two_at_once}});
  for (int i = 0; i < 5; ++i) bus.request(1, 7);
  bus.request(2, 7);
  EXPECT_EQ(bus.requests_at("w"), (Numbers{1, 2}));
}

TEST(RoleRates, OfAWorkerEndInDroppedDeliveries) {
  BusinessBus bus({.rates = {.worker = two_at_once}});
  for (int i = 0; i < 3; ++i)
    bus.give(BusinessBus::worker_key("w"),
             {.kind = EnvelopeKind::deliver, .id = {.gateway = instance_id("g")}}, "news");
  EXPECT_EQ(bus.take(BusinessBus::gateway_key("g"), EnvelopeKind::deliver).size(), 2U);
  EXPECT_EQ(bus.counters().rate_limited, 1U);
  EXPECT_EQ(bus.counters().deliveries_dropped, 1U);
}

TEST(RoleRates, OfAnOperatorEndInARefusal) {
  BusinessBus bus({.rates = {.admin = two_at_once}});
  const PeerKey operators = BusinessBus::gateway_key("operator");
  for (const EnvelopeKind kind : {EnvelopeKind::status, EnvelopeKind::admin, EnvelopeKind::status})
    bus.say(operators, kind);
  EXPECT_EQ(bus.take(operators, EnvelopeKind::status_reply).size(), 1U);
  EXPECT_EQ(bus.take(operators, EnvelopeKind::admin_reply).size(), 1U);
  EXPECT_EQ(bus.refusal(operators), Errc::rate_limited);
}

TEST(RoleRates, OfRegistrationsHoldForEveryRoleAndAreTold) {
  BusinessBus bus({.rates = {.registrations = two_at_once}});
  bus.broker.take_events();
  const PeerKey restless = BusinessBus::worker_key("restless");
  for (int i = 0; i < 2; ++i) {
    bus.register_worker("restless");
    bus.say(restless, EnvelopeKind::bye);
    EXPECT_EQ(bus.refusal(restless), std::nullopt);
  }
  bus.register_worker("restless");
  EXPECT_EQ(bus.refusal(restless), Errc::rate_limited);
  EXPECT_EQ(bus.counters().rate_limited, 1U);
  const auto kinds = kinds_of(bus.broker.take_events());
  EXPECT_THAT(kinds, testing::Contains(PeerEvent::Kind::refused));
  bus.register_worker("another");
  EXPECT_EQ(bus.refusal(BusinessBus::worker_key("another")), std::nullopt);
}

// While a broker stands still its peers repeat themselves.
TEST(RoleRates, AreNotSpentByARegistrationThatIsRepeated) {
  BusinessBus bus({.rates = {.registrations = two_at_once}});
  for (int i = 0; i < 5; ++i) bus.register_worker("patient");
  EXPECT_EQ(bus.take(BusinessBus::worker_key("patient"), EnvelopeKind::registered).size(), 5U);
  EXPECT_EQ(bus.counters().rate_limited, 0U);
}

// Whoever breaks a rule is named by his key, registered or not.
TEST(Audit, NamesTheKeyOfWhoSendsWhatIsNoEnvelope) {
  BusinessBus bus;
  bus.broker.take_events();
  const Principal key{"key-of-crm", {Role::business}, "crm"};
  bus.broker.on_message(BusinessBus::business_key("crm"), key, "nonsense", bus.now());
  bus.broker.on_message(BusinessBus::business_key("crm"), key,
                        encode({.kind = EnvelopeKind::request}, {}), bus.now());
  const auto events = bus.broker.take_events();
  ASSERT_EQ(kinds_of(events), (std::vector{PeerEvent::Kind::malformed,
                                           PeerEvent::Kind::unregistered}));
  for (const BrokerEvent& event : events) {
    EXPECT_EQ(std::get<PeerEvent>(event).key, "key-of-crm");
    EXPECT_EQ(std::get<PeerEvent>(event).role, Role::business);
  }
}

// Not the peer whose address he uses.
TEST(Audit, NamesTheKeyThatWasUsed) {
  BusinessBus bus;
  const PeerKey address = BusinessBus::business_key("crm");
  bus.register_with_key(address, {"key-of-crm", {Role::business}, "crm"},
                        BusinessBus::wish_of("crm", {}));
  bus.broker.take_events();
  bus.broker.on_message(address, {"key-of-hr", {Role::business}, "hr"}, "nonsense", bus.now());
  const auto events = bus.broker.take_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(std::get<PeerEvent>(events[0]).key, "key-of-hr");
  EXPECT_EQ(std::get<PeerEvent>(events[0]).name, "?");
}

// A late answer is none: it was asked, once.
TEST(Audit, NamesTheWorkerThatAnswersWhatItWasNotAsked) {
  BusinessBus bus;
  bus.register_worker("w2");
  bus.request(1, 7);
  const std::string asked = bus.requests_at("w").empty() ? "w2" : "w";
  const std::string other = asked == "w" ? "w2" : "w";
  bus.pass(2'600ms, {BusinessBus::gateway_key("g"), BusinessBus::worker_key("w"),
                     BusinessBus::worker_key("w2")});
  bus.broker.take_events();
  bus.reply(asked, 1);
  EXPECT_THAT(kinds_of(bus.broker.take_events()), testing::IsEmpty()) << "it was too slow";
  bus.reply(asked, 1);
  EXPECT_EQ(kinds_of(bus.broker.take_events()), std::vector{PeerEvent::Kind::unasked_reply});
  bus.reply(other, 1);
  EXPECT_EQ(bus.verdicts(), (Verdicts{{1, Errc{}}}));
}

}  // namespace
}  // namespace parley::test
