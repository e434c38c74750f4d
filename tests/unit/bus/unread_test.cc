// What business systems are sent and do not read.
#include "bus/unread.h"

#include <gmock/gmock.h>

#include "tests/unit/bus/business_harness.h"

namespace parley::test {
namespace {

using Verdicts = std::map<std::uint64_t, Errc>;

constexpr std::uint64_t crm = 1;
constexpr std::uint64_t hr = 2;

struct UnreadTest : testing::Test {
  static PeerKey at(const std::string& identity) { return {Side::gateways, identity}; }
  // The number of the ping that `who` is sent now; 0: none.
  std::uint64_t pinged(const PeerKey& who) {
    now += 100ms;
    for (const auto& [to, number] : unread.pings(now))
      if (to == who) return number;
    return 0;
  }
  Instant now{1h};
  Unread unread{100, [next = std::uint64_t{40}]() mutable { return ++next; }};
};

TEST_F(UnreadTest, IsBoundedByKeyWhateverConnections) {
  unread.sent(at("a"), crm, 60);
  EXPECT_TRUE(unread.has_room(at("b"), crm, 40));
  EXPECT_FALSE(unread.has_room(at("b"), crm, 41));
  EXPECT_TRUE(unread.has_room(at("b"), hr, 100)) << "another key";
}

TEST_F(UnreadTest, EndsWithThePongOfAPingThatCameAfterIt) {
  unread.sent(at("a"), crm, 60);
  const std::uint64_t number = pinged(at("a"));
  ASSERT_NE(number, 0U);
  unread.sent(at("a"), crm, 30);
  unread.read(at("a"), number);
  EXPECT_EQ(unread.bytes_of(crm), 30U) << "sent after the ping";
  unread.read(at("a"), pinged(at("a")));
  EXPECT_EQ(unread.bytes_of(crm), 0U);
  EXPECT_EQ(unread.connections(), 0U);
  EXPECT_EQ(pinged(at("a")), 0U) << "there is nothing to ask";
}

TEST_F(UnreadTest, IsNotReadByPongsThatAreGuessedOrOfOthers) {
  unread.sent(at("a"), crm, 60);
  const std::uint64_t number = pinged(at("a"));
  for (const std::uint64_t wrong : {std::uint64_t{0}, number - 1, number + 1})
    unread.read(at("a"), wrong);
  unread.read(at("b"), number);
  EXPECT_EQ(unread.bytes_of(crm), 60U);
  unread.read(at("a"), number);
  unread.sent(at("a"), crm, 60);
  unread.read(at("a"), number);
  EXPECT_EQ(unread.bytes_of(crm), 60U) << "a pong counts once";
}

TEST_F(UnreadTest, IsAskedForAgainEachSecond) {
  unread.sent(at("a"), crm, 60);
  const std::uint64_t number = pinged(at("a"));
  int pings = 0;
  for (int i = 0; i < 25; ++i) pings += pinged(at("a")) == number ? 1 : 0;
  EXPECT_EQ(pings, 2);
}

TEST_F(UnreadTest, EndsWithTheConnection) {
  unread.sent(at("a"), crm, 60);
  unread.sent(at("b"), crm, 30);
  EXPECT_FALSE(unread.may_register(crm));
  unread.forget(at("a"));
  EXPECT_EQ(unread.bytes_of(crm), 30U);
  EXPECT_TRUE(unread.may_register(crm));
  unread.forget(at("a"));
  unread.forget(at("b"));
  EXPECT_EQ(unread.bytes_of(crm), 0U);
}

// Or many that have next to nothing unread would fill the table.
TEST(UnreadConnections, CountForAPartOfTheBoundEach) {
  constexpr std::size_t bound = 4'096 * 10;
  Unread unread{bound, [] { return std::uint64_t{7}; }};
  int connections = 0;
  const auto address = [&] { return UnreadTest::at(std::to_string(connections)); };
  for (; unread.has_room(address(), crm, 1); ++connections) unread.sent(address(), crm, 1);
  EXPECT_EQ(connections, 3'723) << "10 bytes and one each";
  EXPECT_TRUE(unread.has_room(UnreadTest::at("0"), crm, 1)) << "it is there already";
  EXPECT_TRUE(unread.has_room(UnreadTest::at("x"), hr, 1)) << "others are not touched";
  for (const auto& [to, number] : unread.pings(Instant(1h))) unread.read(to, number);
  EXPECT_EQ(unread.connections(), 0U);
  EXPECT_EQ(unread.bytes_of(crm), 0U);
}

// What the connection has unread is on the bill of whoever uses it last.
TEST_F(UnreadTest, FollowsAConnectionToAnotherKey) {
  unread.sent(at("a"), crm, 60);
  const std::uint64_t number = pinged(at("a"));
  unread.sent(at("a"), hr, 30);
  EXPECT_EQ(unread.bytes_of(crm), 0U);
  EXPECT_EQ(unread.bytes_of(hr), 90U);
  unread.read(at("a"), number);
  EXPECT_EQ(unread.bytes_of(hr), 30U);
  unread.read(at("a"), pinged(at("a")));
  EXPECT_EQ(unread.bytes_of(hr), 0U);
}

// -- in the broker

struct DeafSystem : testing::Test {
  static constexpr std::size_t bound = 2'400;
  DeafSystem() {
    bus.register_with_key(address, key,
                          BusinessBus::wish_of("crm", {.deliveries = {100, 1 << 20}}));
  }
  // Asks, and is answered with so much.
  void ask(std::uint64_t number, std::size_t bytes) {
    bus.give_as(address, key,
                {.verb = push_publish, .id = BusinessBus::id(number, "crm"), .ttl_ms = 9'000});
    bus.give(BusinessBus::worker_key("w"),
             {.kind = EnvelopeKind::reply, .id = BusinessBus::id(number, "crm")},
             std::string(bytes, 'x'));
  }
  // Until not even an envelope with a byte has room.
  void fill() {
    for (std::uint64_t number = 1; bus.counters().unread_dropped == 0; ++number) ask(number, 1);
  }
  std::size_t answers() { return bus.replies("crm").size(); }
  void pass_a_tick() {
    bus.pass(100ms, {BusinessBus::gateway_key("g"), BusinessBus::worker_key("w")});
  }
  void answer_pings() {
    for (const Received& ping : bus.take(address, EnvelopeKind::ping))
      bus.give_as(address, key, {.kind = EnvelopeKind::pong, .id = ping.header.id});
  }

  BusinessBus bus{{.unread_bytes_max = bound}};
  const PeerKey address = BusinessBus::business_key("crm");
  const Principal key{"key-of-crm", {Role::business}, "crm*"};
};

TEST_F(DeafSystem, IsSentNoMoreThanItsBoundUntilItReads) {
  ask(1, 900);
  ask(2, 900);
  ask(3, 900);
  EXPECT_EQ(answers(), 2U);
  EXPECT_EQ(bus.counters().unread_dropped, 1U);
  pass_a_tick();
  answer_pings();
  ask(4, 900);
  EXPECT_EQ(answers(), 1U);
}

TEST_F(DeafSystem, GainsNothingByLeavingAndComingBack) {
  ask(1, 900);
  ask(2, 900);
  bus.say(address, EnvelopeKind::bye);
  const auto again = BusinessBus::wish_of("crm-2", {});
  bus.register_with_key(BusinessBus::business_key("crm-2"), key, again);
  EXPECT_EQ(bus.refusal(BusinessBus::business_key("crm-2")), Errc::retry_later);
  bus.unreachable(address);
  bus.register_with_key(BusinessBus::business_key("crm-2"), key, again);
  EXPECT_EQ(bus.refusal(BusinessBus::business_key("crm-2")), std::nullopt)
      << "what it did not read has gone with its connection";
}

TEST_F(DeafSystem, GetsItsDeliveriesWhenItHasRead) {
  fill();
  bus.deliver("crm", "news");
  EXPECT_TRUE(bus.delivered(address).empty());
  pass_a_tick();
  EXPECT_TRUE(bus.delivered(address).empty());
  answer_pings();
  pass_a_tick();
  EXPECT_EQ(bus.delivered(address), std::vector<std::string>{"news"});
}

TEST_F(DeafSystem, IsAskedForNothingMore) {
  const PeerKey server = BusinessBus::business_key("crm-1");
  bus.register_with_key(server, key, BusinessBus::wish_of("crm-1", {.apps = {"app.crm"}}));
  fill();
  bus.ask(1, "app.crm");
  EXPECT_TRUE(bus.take(server, EnvelopeKind::request).empty()) << "it has the same key";
  pass_a_tick();
  answer_pings();
  pass_a_tick();
  EXPECT_EQ(bus.take(server, EnvelopeKind::request).size(), 1U);
}

// Neither registered nor not: pongs and refusals are kept for him, too.
TEST_F(DeafSystem, IsNotAnsweredEitherBeyondItsBound) {
  const PeerKey stranger = BusinessBus::business_key("crm-x");
  for (int i = 0; i < 40; ++i) {
    bus.give_as(address, key, {.kind = EnvelopeKind::ping});
    bus.give_as(stranger, key, {.kind = EnvelopeKind::ping});
  }
  const std::size_t answers = bus.take(address, EnvelopeKind::pong).size() +
                              bus.take(stranger, EnvelopeKind::not_registered).size();
  EXPECT_LE(answers * limits::envelope_header_bytes, bound);
  EXPECT_GE(answers, 15U);
}

// Each refusal would make a ping, whose pong made a refusal, and push its next registration away.
TEST_F(DeafSystem, ThatIsRefusedIsNotRefusedForItsPongs) {
  const PeerKey twin = BusinessBus::business_key("crm-twin");
  bus.register_with_key(twin, key, BusinessBus::wish_of("crm", {}));
  EXPECT_EQ(bus.refusal(twin), Errc::conflict);
  pass_a_tick();
  const auto pings = bus.take(twin, EnvelopeKind::ping);
  ASSERT_EQ(pings.size(), 1U);
  bus.give_as(twin, key, {.kind = EnvelopeKind::pong, .id = pings[0].header.id});
  pass_a_tick();
  EXPECT_EQ(bus.refusal(twin), std::nullopt);
  EXPECT_TRUE(bus.take(twin, EnvelopeKind::ping).empty());
  EXPECT_EQ(bus.counters().strangers, 0U);
}

TEST_F(DeafSystem, ThatIsStuckStillHasItUnread) {
  ask(1, 900);
  ask(2, 900);
  bus.broker.on_stuck(address, bus.now(), {});
  bus.register_with_key(BusinessBus::business_key("crm-2"), key, BusinessBus::wish_of("crm-2", {}));
  EXPECT_EQ(bus.refusal(BusinessBus::business_key("crm-2")), Errc::retry_later);
}

TEST_F(DeafSystem, MayChangeItsNameOnOneConnection) {
  BusinessBus trusting({.unread_bytes_max = bound});
  const PeerKey front = BusinessBus::business_key("one");
  for (const std::string name : {"one", "two", "one"}) {
    trusting.give(front, BusinessBus::registration(name, 1),
                  BusinessBus::wish_of(name, {}).SerializeAsString());
    trusting.give(front, {.verb = app_request, .id = BusinessBus::id(1, name), .ttl_ms = 1}, {});
    trusting.pass(100ms, {front});
  }
  for (int round = 0; round < 3; ++round) {
    for (const Received& ping : trusting.take(front, EnvelopeKind::ping))
      trusting.give(front, {.kind = EnvelopeKind::pong, .id = ping.header.id}, {});
    trusting.pass(1s, {front});
  }
  trusting.unreachable(front);
  EXPECT_EQ(trusting.counters().unread_dropped, 0U);
}

TEST_F(DeafSystem, DoesNotCostAGatewayAnything) {
  for (std::uint64_t number = 1; number <= 40; ++number) {
    bus.request(number, 7);
    bus.reply("w", number);
  }
  EXPECT_EQ(bus.verdicts().size(), 40U);
  EXPECT_EQ(bus.counters().unread_dropped, 0U);
}

}  // namespace
}  // namespace parley::test
