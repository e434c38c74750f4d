#include "bus/connection_core.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/error.h"
#include "proto/bus.pb.h"
#include "proto/limits.h"

namespace parley {
namespace {

using Change = ConnectionCore::Change;

struct ConnectionTest : testing::Test {
  Instant now{std::chrono::hours(1)};
  bool alive = true;
  ConnectionCore core{{.registration = "who we are",
                       .instance = InstanceId{7},
                       .outbox_max = 4,
                       .is_alive = [this] { return alive; },
                       .link = {},
                       .deliveries = {.messages = 8, .bytes = 10'000}},
                      1};

  // What waits, oldest first; then nothing does.
  std::vector<EnvelopeHeader> sent() {
    std::vector<EnvelopeHeader> all;
    for (const std::string& bytes : core.outbox()) all.push_back(decode_envelope(bytes)->header);
    core.outbox().clear();
    return all;
  }
  std::vector<EnvelopeKind> kinds() {
    std::vector<EnvelopeKind> all;
    for (const EnvelopeHeader& header : sent()) all.push_back(header.kind);
    return all;
  }
  ConnectionCore::Received hear(EnvelopeKind kind, std::string_view body = {},
                                Errc error = static_cast<Errc>(0)) {
    const EnvelopeHeader header{.kind = kind, .error = static_cast<std::uint16_t>(error)};
    return core.on_message({header, body}, now);
  }
  void come_up() {
    core.on_opened(BootId{1}, now);
    wire::Registered body;
    body.set_broker("broker-1");
    EXPECT_EQ(hear(EnvelopeKind::registered, body.SerializeAsString()).change, Change::up);
    sent();
  }
  Change pass(Duration time) {
    for (const Instant end = now + time; now < end;) {
      now += 100ms;
      const Change change = core.on_tick(now);
      if (change != Change::none) return change;
    }
    return Change::none;
  }
};

const std::vector<EnvelopeKind> nothing;
const std::vector<EnvelopeKind> one_register{EnvelopeKind::register_peer};

TEST_F(ConnectionTest, RegistersOnANewSocketWithThatSocketsBoot) {
  EXPECT_TRUE(core.needs_socket());
  core.on_opened(BootId{5}, now);
  EXPECT_FALSE(core.needs_socket());
  const auto first = sent();
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].kind, EnvelopeKind::register_peer);
  EXPECT_EQ(first[0].id, (RequestId{.gateway = InstanceId{7}, .boot = BootId{5}}));
}

TEST_F(ConnectionTest, LeavesOnlyOneRegistrationWaiting) {
  core.on_opened(BootId{1}, now);
  pass(2s);
  core.on_connected();
  EXPECT_EQ(kinds(), one_register);
}

// A broker may have registered us and sent requests, which are lost: it must see another life of us.
TEST_F(ConnectionTest, ComesBackFromANewAddressWhenItsRegistrationMayHaveBeenHeard) {
  core.on_opened(BootId{1}, now);
  EXPECT_EQ(kinds(), one_register) << "the socket took it";
  EXPECT_EQ(core.on_disconnected(), Change::down);
  EXPECT_TRUE(core.needs_socket());
  core.on_opened(BootId{2}, now);
  EXPECT_EQ(core.on_disconnected(), Change::none) << "REGISTER still waits, unheard";
  EXPECT_FALSE(core.needs_socket());
}

TEST_F(ConnectionTest, HandsOnOnlyWhatComesOverARegisteredConnection) {
  core.on_opened(BootId{1}, now);
  EXPECT_FALSE(hear(EnvelopeKind::request).for_owner);
  come_up();
  EXPECT_TRUE(hear(EnvelopeKind::request).for_owner);
  core.on_disconnected();
  EXPECT_FALSE(hear(EnvelopeKind::request).for_owner) << "of a socket that is about to be replaced";
}

TEST_F(ConnectionTest, DropsTheNewestBeyondItsBounds) {
  come_up();
  const std::string ping = encode(EnvelopeHeader{.kind = EnvelopeKind::ping}, {});
  EXPECT_TRUE(core.send(ping, 2));
  EXPECT_TRUE(core.send(ping, 2));
  EXPECT_FALSE(core.send(ping, 2));
  EXPECT_TRUE(core.send(ping));
  EXPECT_TRUE(core.send(ping));
  EXPECT_FALSE(core.send(ping));
  EXPECT_FALSE(core.send(ping, 100)) << "outbox_max holds for everything";
  EXPECT_EQ(core.outbox().size(), 4U);
}

TEST_F(ConnectionTest, GrantsCreditAtAQuarterOfTheWindowAndAtATick) {
  come_up();
  hear(EnvelopeKind::deliver);
  EXPECT_EQ(kinds(), nothing);
  hear(EnvelopeKind::deliver, "1234");
  const auto at_a_quarter = sent();
  ASSERT_EQ(at_a_quarter.size(), 1U);
  EXPECT_EQ(at_a_quarter[0].kind, EnvelopeKind::credit);
  EXPECT_EQ(at_a_quarter[0].id.number, 2U);
  EXPECT_EQ(at_a_quarter[0].target, 2 * limits::envelope_header_bytes + 4);
  hear(EnvelopeKind::deliver);
  pass(100ms);
  const auto at_a_tick = sent();
  ASSERT_EQ(at_a_tick.size(), 1U);
  EXPECT_EQ(at_a_tick[0].id.number, 3U);
  pass(200ms);
  EXPECT_EQ(kinds(), nothing) << "it was told";
}

// The broker has no credit left and sends nothing by which another grant would become due.
TEST_F(ConnectionTest, CreditThatFoundNoRoomIsGrantedWhenThereIs) {
  come_up();
  const std::string ping = encode(EnvelopeHeader{.kind = EnvelopeKind::ping}, {});
  while (core.send(ping)) continue;
  hear(EnvelopeKind::deliver);
  hear(EnvelopeKind::deliver);
  pass(100ms);
  EXPECT_EQ(kinds(), std::vector(4, EnvelopeKind::ping));
  pass(100ms);
  const auto granted = sent();
  ASSERT_EQ(granted.size(), 1U);
  EXPECT_EQ(granted[0].kind, EnvelopeKind::credit);
  EXPECT_EQ(granted[0].id.number, 2U);
}

TEST_F(ConnectionTest, WhatWaitedIsDroppedWithTheConnection) {
  come_up();
  core.send(encode(EnvelopeHeader{.kind = EnvelopeKind::ping}, {}));
  EXPECT_EQ(core.on_disconnected(), Change::down);
  EXPECT_TRUE(core.needs_socket());
  EXPECT_EQ(core.on_tick(now + 10s), Change::none) << "it was told once";
  core.on_opened(BootId{2}, now);
  EXPECT_EQ(kinds(), one_register);
}

TEST_F(ConnectionTest, AHangingProcessNeitherRegistersNorAnswersPings) {
  come_up();
  alive = false;
  hear(EnvelopeKind::ping);
  EXPECT_EQ(kinds(), nothing);
  core.on_disconnected();
  core.on_opened(BootId{2}, now);
  core.on_connected();
  pass(2s);
  EXPECT_EQ(kinds(), nothing);
  alive = true;
  pass(500ms);
  EXPECT_EQ(kinds(), one_register);
  come_up();
  hear(EnvelopeKind::ping);
  EXPECT_EQ(kinds(), (std::vector{EnvelopeKind::pong}));
}

// The broker learns from it what has been read.
TEST_F(ConnectionTest, APongRepeatsTheIdOfItsPing) {
  come_up();
  const EnvelopeHeader ping{.kind = EnvelopeKind::ping, .id = {.number = 4'711}};
  core.on_message({ping, {}}, now);
  const auto said = sent();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said.begin()->kind, EnvelopeKind::pong);
  EXPECT_EQ(said.begin()->id, ping.id);
}

TEST_F(ConnectionTest, ASilentBrokerIsPingedAndThenDown) {
  come_up();
  hear(EnvelopeKind::pong);
  EXPECT_EQ(pass(500ms), Change::none);
  EXPECT_EQ(kinds(), (std::vector{EnvelopeKind::ping}));
  EXPECT_EQ(pass(1s), Change::down);
}

TEST_F(ConnectionTest, ADrainingBrokerMakesItLeaveButStayRegistered) {
  come_up();
  EXPECT_EQ(hear(EnvelopeKind::not_registered, {}, Errc::going_away).change, Change::leaving);
  EXPECT_FALSE(core.is_up());
  EXPECT_TRUE(core.is_registered());
  EXPECT_TRUE(hear(EnvelopeKind::reply).for_owner);
}

TEST_F(ConnectionTest, RegistersNoMoreButStaysWhereItIs) {
  core.on_opened(BootId{1}, now);
  core.register_no_more();
  EXPECT_EQ(kinds(), nothing) << "the REGISTER that waited is withdrawn";
  pass(2s);
  EXPECT_EQ(kinds(), nothing);

  come_up();
  core.send(encode(EnvelopeHeader{.kind = EnvelopeKind::drain}, {}));
  core.register_no_more();
  EXPECT_EQ(kinds(), (std::vector{EnvelopeKind::drain}));
}

TEST_F(ConnectionTest, SaysByeBehindWhatWaitsAndThenNothing) {
  come_up();
  core.send(encode(EnvelopeHeader{.kind = EnvelopeKind::reply}, {}));
  core.leave();
  EXPECT_EQ(kinds(), (std::vector{EnvelopeKind::reply, EnvelopeKind::bye}));
  hear(EnvelopeKind::ping);
  EXPECT_FALSE(hear(EnvelopeKind::request).for_owner);
  EXPECT_EQ(pass(5s), Change::none);
  EXPECT_EQ(core.on_disconnected(), Change::none);
  EXPECT_EQ(kinds(), nothing);
}

TEST_F(ConnectionTest, SaysNoByeToABrokerThatDoesNotKnowIt) {
  core.on_opened(BootId{1}, now);
  core.outbox().clear();
  core.leave();
  EXPECT_EQ(kinds(), nothing);
}

}  // namespace
}  // namespace parley
