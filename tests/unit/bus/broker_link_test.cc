#include "bus/broker_link.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "proto/bus.pb.h"

namespace parley {
namespace {

using Change = BrokerLink::Change;
using Say = BrokerLink::Say;

struct LinkTest : testing::Test {
  Instant now{std::chrono::hours(1)};
  BrokerLink link{LinkOptions{}, 1};

  BrokerLink::Step hear(EnvelopeKind kind, Errc error = static_cast<Errc>(0)) {
    return link.on_message({.kind = kind, .error = static_cast<std::uint16_t>(error)}, {}, now);
  }
  BrokerLink::Step registered(std::uint64_t registration = 1) {
    wire::Registered body;
    body.set_broker("b1");
    body.set_registration(registration);
    return link.on_message({.kind = EnvelopeKind::registered}, body.SerializeAsString(), now);
  }
  void become_up() {
    link.on_opened(now);
    ASSERT_EQ(registered().change, Change::up);
  }
  // Ticks of 100 ms until something happens, at most for `limit`.
  BrokerLink::Step pass(Duration limit, bool alive = true) {
    for (const Instant end = now + limit; now < end;) {
      now += 100ms;
      const auto step = link.on_tick(now, alive);
      if (step.change != Change::none || step.say != Say::nothing) return step;
    }
    return {};
  }
};

TEST_F(LinkTest, RegistersAtOnceAndAgainUntilItIsAnswered) {
  EXPECT_EQ(link.on_opened(now).say, Say::register_us);
  EXPECT_EQ(pass(400ms).say, Say::nothing);
  EXPECT_EQ(pass(100ms).say, Say::register_us);
  EXPECT_EQ(link.on_connected().say, Say::register_us) << "a broker has just started";
  EXPECT_FALSE(link.is_up());
  EXPECT_EQ(registered().change, Change::up);
  EXPECT_TRUE(link.is_up());
  EXPECT_EQ(link.broker(), instance_id("b1").value);
  EXPECT_EQ(link.on_connected().say, Say::nothing);
  EXPECT_EQ(registered().change, Change::none);
}

// The broker had given it up and registered it anew on a repeated REGISTER: credit and requests of the first
// registration are not those of the second.
TEST_F(LinkTest, BeginsAnewWhenItWasRegisteredTwice) {
  become_up();
  EXPECT_EQ(registered(1).change, Change::none) << "a repeated welcome";
  EXPECT_EQ(registered(2).change, Change::down);
}

TEST_F(LinkTest, PingsASilentBrokerAndGivesItUpAfterOneAndAHalfSeconds) {
  become_up();
  EXPECT_EQ(pass(500ms).say, Say::ping);
  EXPECT_EQ(pass(500ms).say, Say::ping);
  const auto end = pass(500ms);
  EXPECT_EQ(end.change, Change::down);
  EXPECT_FALSE(link.is_registered());
}

TEST_F(LinkTest, AnyTrafficKeepsItUp) {
  become_up();
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(pass(400ms).say, Say::nothing);
    hear(EnvelopeKind::reply);
  }
  EXPECT_TRUE(link.is_up());
}

TEST_F(LinkTest, AnswersPings) {
  become_up();
  EXPECT_EQ(hear(EnvelopeKind::ping).say, Say::pong);
  EXPECT_EQ(hear(EnvelopeKind::pong).say, Say::nothing);
}

TEST_F(LinkTest, SaysNothingOfItsOwnWhileTheProcessDoesNotWork) {
  link.on_opened(now);
  EXPECT_EQ(pass(2s, false).say, Say::nothing) << "it would register and then hang";
  registered();
  EXPECT_EQ(pass(1'400ms, false).say, Say::nothing);
}

TEST_F(LinkTest, ForgivesSilenceWhileItStoodStillItself) {
  become_up();
  now += 10s;
  EXPECT_EQ(link.on_tick(now, true).change, Change::none);
  EXPECT_EQ(pass(1'400ms).say, Say::ping);
  EXPECT_EQ(pass(1'400ms).change, Change::none);
}

TEST_F(LinkTest, GoesDownWhenTheBrokerDoesNotKnowItOrTheConnectionIsLost) {
  become_up();
  EXPECT_EQ(hear(EnvelopeKind::not_registered, Errc::unauthenticated).change, Change::down);
  EXPECT_EQ(hear(EnvelopeKind::not_registered, Errc::unauthenticated).change, Change::none);
  become_up();
  EXPECT_EQ(link.on_disconnected().change, Change::down);
  EXPECT_EQ(link.on_disconnected().change, Change::none);
}

TEST_F(LinkTest, LeavesADrainingBrokerButStillHearsIt) {
  become_up();
  EXPECT_EQ(hear(EnvelopeKind::not_registered, Errc::going_away).change, Change::leaving);
  EXPECT_FALSE(link.is_up());
  EXPECT_TRUE(link.is_registered());
  EXPECT_EQ(hear(EnvelopeKind::not_registered, Errc::going_away).change, Change::none);
  EXPECT_EQ(hear(EnvelopeKind::ping).say, Say::pong);
  EXPECT_EQ(link.on_disconnected().change, Change::down);
}

TEST_F(LinkTest, WaitsLongerAfterEachRefusal) {
  link.on_opened(now);
  Duration former{0};
  for (const Duration limit : {200ms, 400ms, 800ms, 1'600ms}) {
    EXPECT_EQ(hear(EnvelopeKind::not_registered, Errc::conflict).change, Change::none);
    EXPECT_EQ(link.take_refusal(), static_cast<std::uint16_t>(Errc::conflict));
    EXPECT_EQ(link.take_refusal(), std::nullopt);
    const Instant refused = now;
    EXPECT_EQ(pass(5s).say, Say::register_us);
    EXPECT_LE(now - refused, limit + 100ms);
    EXPECT_GE(now - refused, limit / 2);
    EXPECT_GE(now - refused, former / 2);
    former = now - refused;
  }
}

}  // namespace
}  // namespace parley
