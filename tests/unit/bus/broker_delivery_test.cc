// Deliveries go out within the credit of their receiver.
#include "proto/delivery.h"
#include "tests/unit/bus/business_harness.h"

namespace parley::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const PeerKey receiver = BusinessBus::business_key("r");

std::size_t size_of(std::string_view body) { return limits::envelope_header_bytes + body.size(); }

TEST(DeliveryCredit, BoundsWhatIsOnItsWay) {
  BusinessBus bus;
  bus.register_business("r", {.deliveries = {.messages = 2, .bytes = 10'000}});
  for (const char* body : {"1", "2", "3", "4"}) bus.deliver("r", body);
  EXPECT_THAT(bus.delivered(receiver), ElementsAre("1", "2"));
  EXPECT_EQ(bus.counters().delivery_credit_exhausted, 2U);
  bus.grant(receiver, 1, size_of("1"));
  EXPECT_THAT(bus.delivered(receiver), ElementsAre("3"));
  bus.grant(receiver, 3, 3 * size_of("1"));
  EXPECT_THAT(bus.delivered(receiver), ElementsAre("4"));
  EXPECT_EQ(bus.counters().deliveries, 4U);
}

TEST(DeliveryCredit, CountsBytesToo) {
  BusinessBus bus;
  bus.register_business("r", {.deliveries = {.messages = 100, .bytes = 300}});
  const std::string body(60, 'x');  // 156 with its header: one fits, two do not
  bus.deliver("r", body);
  bus.deliver("r", body);
  EXPECT_EQ(bus.delivered(receiver).size(), 1U);
  bus.grant(receiver, 1, size_of(body));
  EXPECT_EQ(bus.delivered(receiver).size(), 1U);
}

TEST(DeliveryCredit, OneThatIsLargerThanTheWindowTravelsAlone) {
  BusinessBus bus;
  bus.register_business("r", {.deliveries = {.messages = 100, .bytes = 300}});
  bus.deliver("r", std::string(1'000, 'x'));
  EXPECT_EQ(bus.delivered(receiver).size(), 1U);
  bus.deliver("r", "next");
  EXPECT_THAT(bus.delivered(receiver), IsEmpty());
}

TEST(DeliveryCredit, ANewerOneNeverOvertakesOneThatWaits) {
  BusinessBus bus;
  bus.register_business("r", {.deliveries = {.messages = 100, .bytes = 300}});
  bus.deliver("r", std::string(100, 'a'));
  bus.deliver("r", std::string(100, 'b'));  // waits
  bus.deliver("r", "c");                    // would fit
  EXPECT_EQ(bus.delivered(receiver).size(), 1U);
  bus.grant(receiver, 1, size_of(std::string(100, 'a')));
  EXPECT_THAT(bus.delivered(receiver), ElementsAre(std::string(100, 'b'), "c"));
}

TEST(DeliveryCredit, WhatWaitsIsBoundedAndTheNewestIsDropped) {
  BusinessBus bus({.waiting_deliveries_max = 2});
  bus.register_business("r", {.deliveries = {.messages = 1, .bytes = 10'000}});
  for (const char* body : {"1", "2", "3", "4"}) bus.deliver("r", body);
  EXPECT_EQ(bus.counters().deliveries_dropped, 1U);
  bus.grant(receiver, 1, size_of("1"));
  bus.grant(receiver, 2, 2 * size_of("1"));
  EXPECT_THAT(bus.delivered(receiver), ElementsAre("1", "2", "3"));
  const wire::BrokerStatus status = bus.status();
  for (const auto& peer : status.peers()) {
    if (peer.name() != "r") continue;
    EXPECT_EQ(peer.deliveries(), 3U);
    EXPECT_EQ(peer.undelivered_messages(), 1U);
    EXPECT_EQ(peer.deliveries_dropped(), 1U);
    EXPECT_EQ(peer.credit_exhausted(), 2U);
  }
}

// What the broker remembers of that trace.
std::vector<std::string> points_of(BusinessBus& bus, std::uint64_t trace) {
  const PeerKey admin{Side::gateways, "operator"};
  wire::AdminRequest request;
  request.mutable_trace()->set_trace(trace);
  bus.give(admin, {.kind = EnvelopeKind::admin}, request.SerializeAsString());
  wire::AdminReply reply;
  EXPECT_TRUE(reply.ParseFromString(bus.take(admin, EnvelopeKind::admin_reply).at(0).body));
  std::vector<std::string> points;
  for (const auto& event : reply.trace().events()) points.push_back(event.point());
  return points;
}

TEST(DeliveryTrace, IsOfWhatWasSentAndOfWhatWasDropped) {
  BusinessBus bus({.waiting_deliveries_max = 1});
  bus.register_business("r", {.deliveries = {.messages = 1, .bytes = 10'000}});
  const auto caused_by = [](std::vector<std::uint64_t> traces) {
    std::string body;
    append_causes(traces, body);
    return body;
  };
  const std::string both = caused_by({11, 12});
  bus.deliver("r", both);
  bus.deliver("r", caused_by({13}));  // waits
  bus.deliver("r", caused_by({14}));  // finds no room
  bus.deliver("nobody", caused_by({15}));
  EXPECT_THAT(points_of(bus, 11), ElementsAre("broker_delivered"));
  EXPECT_THAT(points_of(bus, 12), ElementsAre("broker_delivered"));
  EXPECT_THAT(points_of(bus, 13), IsEmpty());
  EXPECT_THAT(points_of(bus, 14), ElementsAre("broker_dropped"));
  EXPECT_THAT(points_of(bus, 15), IsEmpty());
  bus.grant(receiver, 1, size_of(both));
  EXPECT_THAT(points_of(bus, 13), ElementsAre("broker_delivered"));
}

TEST(DeliveryCredit, ThatWasNeverUsedUpIsNotBelieved) {
  BusinessBus bus;
  bus.register_business("r", {.deliveries = {.messages = 1, .bytes = 10'000}});
  bus.deliver("r", "1");
  bus.deliver("r", "2");
  bus.grant(receiver, 1'000, 1'000);
  bus.grant(receiver, 1, 1'000'000);
  EXPECT_THAT(bus.delivered(receiver), ElementsAre("1"));
  EXPECT_EQ(bus.counters().misplaced, 2U);
}

TEST(DeliveryCredit, ThatIsOlderThanWhatIsKnownChangesNothing) {
  BusinessBus bus;
  bus.register_business("r", {.deliveries = {.messages = 1, .bytes = 10'000}});
  for (const char* body : {"1", "2", "3"}) bus.deliver("r", body);
  bus.grant(receiver, 1, size_of("1"));
  bus.grant(receiver, 0, 0);
  EXPECT_THAT(bus.delivered(receiver), ElementsAre("1", "2"));
}

TEST(DeliveryCredit, BeginsAnewWithEachRegistration) {
  BusinessBus bus;
  const BusinessWish wish{.deliveries = {.messages = 1, .bytes = 10'000}};
  bus.register_business("r", wish);
  bus.deliver("r", "1");
  bus.unreachable(receiver);
  bus.register_business("r", wish, 2);
  bus.deliver("r", "2");
  EXPECT_THAT(bus.delivered(BusinessBus::business_key("r", 2)), ElementsAre("2"));
}

TEST(Delivery, ToAllIsForGatewaysOnly) {
  BusinessBus bus;
  bus.register_business("r", {.deliveries = {.messages = 10, .bytes = 10'000}});
  bus.deliver("", "news");
  EXPECT_THAT(bus.delivered(BusinessBus::gateway_key("g")), ElementsAre("news"));
  EXPECT_THAT(bus.delivered(receiver), IsEmpty());
}

TEST(Delivery, ToWhoWantsNoneIsUnreachable) {
  BusinessBus bus;
  bus.register_business("r", {.deliveries = {.messages = 0, .bytes = 0}});
  bus.deliver("r", "1");
  EXPECT_EQ(bus.take(BusinessBus::worker_key("w"), EnvelopeKind::unreachable).size(), 1U);
}

}  // namespace
}  // namespace parley::test
