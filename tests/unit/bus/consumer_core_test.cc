#include "bus/consumer_core.h"

#include <gtest/gtest.h>

#include <vector>

#include "bus/rendezvous.h"

namespace parley {
namespace {

using What = ConsumerCore::What;

struct ConsumerTest : testing::Test {
  Instant now{std::chrono::hours(1)};
  ConsumerCore core{{.brokers = 2, .credit_messages = 5, .waiting_deliveries_max = 100}};

  static std::uint64_t name(std::size_t broker) { return 1'000 + broker; }
  void up(std::size_t broker) { core.on_up(broker, name(broker)); }
  BusRequest request(std::size_t broker, std::uint64_t number) {
    return core.on_request(broker, {.verb = 0x0201, .id = id(number), .trace = 7}, "body");
  }
  static RequestId id(std::uint64_t number) { return {InstanceId{1}, BootId{2}, number}; }
  static EnvelopeHeader header_of(const ConsumerCore::Send& send) {
    return decode_envelope(send.bytes)->header;
  }
  // A key whose first choice is that broker.
  static std::uint64_t key_of(std::size_t broker) {
    for (std::uint64_t key = 1;; ++key) {
      const bool first = rendezvous_weight(name(0), key) > rendezvous_weight(name(1), key);
      if (first == (broker == 0)) return key;
    }
  }
};

TEST_F(ConsumerTest, AnswersByTheBrokerThatAskedWithTheRequestsId) {
  up(0);
  up(1);
  const BusRequest asked = request(1, 9);
  EXPECT_EQ(core.unanswered(1), 1U);
  EXPECT_TRUE(core.reply(asked, {.error = 3, .user = UserId{5}}, "answer"));
  const auto sends = core.take_sends();
  ASSERT_EQ(sends.size(), 1U);
  EXPECT_EQ(sends[0].broker, 1U);
  EXPECT_EQ(sends[0].what, What::reply);
  EXPECT_EQ(header_of(sends[0]), (EnvelopeHeader{.kind = EnvelopeKind::reply,
                                                 .verb = 0x0201,
                                                 .error = 3,
                                                 .id = id(9),
                                                 .user = UserId{5},
                                                 .trace = 7}));
  EXPECT_EQ(core.unanswered(1), 0U);
}

TEST_F(ConsumerTest, DropsAnswersToRequestsOfAFormerRegistration) {
  up(0);
  const BusRequest lost = request(0, 1);
  core.on_down(0, now);
  EXPECT_FALSE(core.reply(lost, {}, {}));
  up(0);
  const BusRequest fresh = request(0, 1);
  EXPECT_FALSE(core.reply(lost, {}, {}));
  EXPECT_EQ(core.unanswered(0), 1U) << "the stale answer was counted for the new registration";
  EXPECT_TRUE(core.reply(fresh, {}, {}));
  EXPECT_EQ(core.take_sends().size(), 1U);
}

TEST_F(ConsumerTest, SendsDeliveriesOfAKeyThroughItsFirstChoiceOfTheRegistered) {
  EXPECT_FALSE(core.deliver(InstanceId{3}, key_of(0), "items", now));
  up(0);
  up(1);
  EXPECT_TRUE(core.deliver(InstanceId{3}, key_of(0), "items", now));
  EXPECT_TRUE(core.deliver(InstanceId{3}, key_of(1), "items", now));
  const auto both_up = core.take_sends();
  core.on_down(0, now + 10s);
  EXPECT_TRUE(core.deliver(InstanceId{3}, key_of(0), "items", now));
  const auto one_up = core.take_sends();
  ASSERT_EQ(both_up.size(), 2U);
  EXPECT_EQ(both_up[0].broker, 0U);
  EXPECT_EQ(both_up[1].broker, 1U);
  ASSERT_EQ(one_up.size(), 1U);
  EXPECT_EQ(one_up[0].broker, 1U);
  EXPECT_EQ(header_of(both_up[0]).kind, EnvelopeKind::deliver);
  EXPECT_EQ(header_of(both_up[0]).id.gateway, InstanceId{3});
  EXPECT_EQ(header_of(both_up[0]).key, key_of(0));
}

std::vector<std::string> bodies(const std::vector<ConsumerCore::Send>& sends) {
  std::vector<std::string> bodies;
  for (const auto& send : sends) bodies.emplace_back(decode_envelope(send.bytes)->body);
  return bodies;
}

TEST_F(ConsumerTest, DeliversAgainInOrderWhatALostBrokerMayHaveTakenWithIt) {
  up(0);
  up(1);
  core.deliver(InstanceId{3}, key_of(0), "old", now);
  now += 1500ms;
  core.deliver(InstanceId{3}, key_of(0), "1", now);
  core.deliver(InstanceId{3}, key_of(1), "not lost", now);
  core.deliver(InstanceId{4}, key_of(0), "2", now);
  core.take_sends();
  now += 1s;
  core.on_down(0, now);
  const auto sends = core.take_sends();
  ASSERT_EQ(bodies(sends), (std::vector<std::string>{"1", "2"})) << "two seconds are kept";
  for (const auto& send : sends) {
    EXPECT_EQ(send.broker, 1U);
    EXPECT_EQ(header_of(send).flags, flag_repeated);
    EXPECT_EQ(header_of(send).key, key_of(0));
  }
  EXPECT_EQ(header_of(sends[1]).id.gateway, InstanceId{4});
  // The other is lost, too, and the first is back: once more, and not again after that.
  up(0);
  core.on_down(1, now);
  EXPECT_EQ(core.take_sends().size(), 3U);
  core.on_down(1, now);
  EXPECT_TRUE(core.take_sends().empty());
}

TEST_F(ConsumerTest, ForgetsWhatItCouldDeliverAgainWithTheLastBroker) {
  up(0);
  core.deliver(InstanceId{3}, 1, "items", now);
  core.take_sends();
  core.on_down(0, now);
  up(0);
  EXPECT_TRUE(core.take_sends().empty());
}

TEST_F(ConsumerTest, DeliversThroughAnotherBrokerWhatOneDoesNotKnowTheGatewayOf) {
  up(0);
  up(1);
  const std::uint64_t key = key_of(0);
  core.deliver(InstanceId{3}, key, "1", now);
  core.take_sends();
  const EnvelopeHeader unreachable{.key = key, .id = {.gateway = InstanceId{3}}};
  EXPECT_TRUE(core.on_unreachable(0, unreachable, "1", now));
  core.deliver(InstanceId{3}, key, "2", now);
  core.deliver(InstanceId{4}, key, "of another gateway", now);
  auto sends = core.take_sends();
  EXPECT_EQ(bodies(sends), (std::vector<std::string>{"1", "2", "of another gateway"}));
  EXPECT_EQ(sends[0].broker, 1U);
  EXPECT_EQ(sends[1].broker, 1U) << "it has just said that it does not know it";
  EXPECT_EQ(sends[2].broker, 0U);
  EXPECT_EQ(header_of(sends[0]).id.gateway, InstanceId{3});
  EXPECT_EQ(header_of(sends[0]).key, key);

  now += 1s;
  core.deliver(InstanceId{3}, key, "3", now);
  EXPECT_EQ(core.take_sends().at(0).broker, 0U) << "it may know it by now";
}

TEST_F(ConsumerTest, KeepsADeliveryForOneBrokerHoweverOftenTheyAreLost) {
  up(0);
  up(1);
  const std::uint64_t key = key_of(0);
  core.deliver(InstanceId{3}, key, "1", now);
  const EnvelopeHeader unreachable{.key = key, .id = {.gateway = InstanceId{3}}};
  for (int losses = 0; losses < 10; ++losses) {
    now += 100ms;
    const auto lost = static_cast<std::size_t>(losses % 2);
    core.take_sends();
    core.on_unreachable(lost, unreachable, "1", now);
    core.on_down(lost, now);
    EXPECT_LE(core.take_sends().size(), 2U) << losses;
    up(lost);
  }
}

// A broker a second, each with something new before what it took over.
TEST_F(ConsumerTest, DeliversAgainForTwoSecondsHoweverOftenBrokersAreLost) {
  up(0);
  up(1);
  core.deliver(InstanceId{3}, key_of(0), "old", now);
  for (std::size_t losses = 0; losses < 6; ++losses) {
    const std::size_t lost = losses % 2;
    core.deliver(InstanceId{3}, key_of(1 - lost), "new", now);
    now += 900ms;
    core.take_sends();
    core.on_down(lost, now);
    const auto sends = core.take_sends();
    const auto old = std::ranges::count_if(
        sends, [](const auto& send) { return decode_envelope(send.bytes)->body == "old"; });
    EXPECT_EQ(old, losses < 2 ? 1 : 0) << losses;
    up(lost);
  }
}

TEST_F(ConsumerTest, SaysSoWhenNoBrokerKnowsAGateway) {
  up(0);
  up(1);
  const EnvelopeHeader unreachable{.key = key_of(0), .id = {.gateway = InstanceId{3}}};
  EXPECT_TRUE(core.on_unreachable(0, unreachable, "1", now));
  core.take_sends();
  EXPECT_FALSE(core.on_unreachable(1, unreachable, "1", now));
  EXPECT_TRUE(core.take_sends().empty());
  EXPECT_TRUE(core.deliver(InstanceId{3}, key_of(0), "2", now));
  EXPECT_EQ(core.take_sends().size(), 1U) << "one broker has to say it again";
}

TEST(AbsentGateways, AreBounded) {
  AbsentGateways absent;
  const Instant now{std::chrono::hours(1)};
  for (std::uint64_t i = 1; i <= 1'024; ++i) absent.note(InstanceId{i}, now);
  absent.note(InstanceId{1}, now);
  EXPECT_TRUE(absent.has(InstanceId{2}, now));
  absent.note(InstanceId{1'025}, now);
  EXPECT_TRUE(absent.has(InstanceId{1'025}, now));
  EXPECT_FALSE(absent.has(InstanceId{2}, now));
}

TEST(RecentDeliveries, AreBoundedInNumberAndBytes) {
  const Instant now{std::chrono::hours(1)};
  RecentDeliveries many;
  for (std::uint64_t key = 0; key < 20'000; ++key) many.add({InstanceId{1}, key, "x", now}, now);
  const auto kept = many.take(now);
  EXPECT_EQ(kept.size(), 16'384U);
  EXPECT_EQ(kept.back().key, 19'999U);
  RecentDeliveries large;
  for (std::uint64_t key = 0; key < 20; ++key)
    large.add({InstanceId{1}, key, std::string(1 << 20, 'x'), now}, now);
  EXPECT_EQ(large.take(now).size(), 8U);
  EXPECT_TRUE(large.take(now).empty());
}

TEST_F(ConsumerTest, AnnouncesThroughEveryRegisteredBroker) {
  up(0);
  core.announce("items");
  up(1);
  core.announce("items");
  const auto sends = core.take_sends();
  ASSERT_EQ(sends.size(), 3U);
  EXPECT_EQ(sends[0].broker, 0U);
  EXPECT_EQ(sends[2].broker, 1U);
  EXPECT_EQ(header_of(sends[2]).id.gateway, InstanceId{});
}

TEST_F(ConsumerTest, LeavesRoomForAllRepliesBehindWaitingDeliveries) {
  up(0);
  const BusRequest asked = request(0, 1);
  core.deliver(InstanceId{3}, 1, "items", now);
  core.reply(asked, {}, {});
  const auto sends = core.take_sends();
  ASSERT_EQ(sends.size(), 2U);
  EXPECT_EQ(sends[0].waiting_max, 100U);
  EXPECT_EQ(sends[1].waiting_max, core.outbox_max());
  EXPECT_GE(core.outbox_max(), 100U + 5U) << "deliveries, and a reply for all of the credit";
}

TEST_F(ConsumerTest, IsDrainedWhenAllIsAnsweredAndNothingIsOnItsWay) {
  up(0);
  const BusRequest asked = request(0, 1);
  core.drain(now + 8s);
  auto sends = core.take_sends();
  ASSERT_EQ(sends.size(), 1U) << "only broker 0 is there";
  EXPECT_EQ(header_of(sends[0]).kind, EnvelopeKind::drain);
  EXPECT_FALSE(core.is_drained(true, now));
  core.reply(asked, {}, {});
  EXPECT_FALSE(core.is_drained(false, now));
  EXPECT_TRUE(core.is_drained(true, now));
}

TEST_F(ConsumerTest, IsDrainedAtItsLimitWhateverIsUnanswered) {
  up(0);
  request(0, 1);
  core.drain(now + 8s);
  EXPECT_FALSE(core.is_drained(true, now + 7999ms));
  EXPECT_TRUE(core.is_drained(true, now + 8s));
}

TEST_F(ConsumerTest, ALostBrokersRequestsHoldUpNoDrain) {
  up(0);
  request(0, 1);
  core.drain(now + 8s);
  core.on_down(0, now);
  EXPECT_TRUE(core.is_drained(true, now));
}

TEST_F(ConsumerTest, TellsABrokerThatRegistersItOnlyNowThatItDrains) {
  core.drain(now + 8s);
  EXPECT_TRUE(core.take_sends().empty());
  up(1);
  const auto sends = core.take_sends();
  ASSERT_EQ(sends.size(), 1U);
  EXPECT_EQ(sends[0].broker, 1U);
  EXPECT_EQ(header_of(sends[0]).kind, EnvelopeKind::drain);
}

}  // namespace
}  // namespace parley
