#include "bus/broker_log.h"

#include <gmock/gmock.h>

#include <map>
#include <string>

#include "base/log.h"

namespace parley::test {
namespace {

class LogOfABroker : public testing::Test {
 protected:
  LogOfABroker()
      : former_(log::set_observer(
            [this](log::Level, std::string_view event) { ++lines[std::string(event)]; })) {}
  ~LogOfABroker() override { log::set_observer(former_); }

  void happens(PeerEvent::Kind kind, const std::string& name) {
    log.write(PeerEvent{.kind = kind, .role = Role::business, .name = name, .key = {}}, now);
  }

  Instant now = Instant(1h);
  BrokerLog log;
  std::map<std::string, int> lines;

 private:
  log::Observer former_;
};

TEST_F(LogOfABroker, HasALineForEachPeerWhenAllComeAndGoAtOnce) {
  for (int i = 0; i < 1'000; ++i) happens(PeerEvent::Kind::registered, std::to_string(i));
  for (int i = 0; i < 1'000; ++i) happens(PeerEvent::Kind::silent, std::to_string(i));
  EXPECT_EQ(lines["peer.registered"], 1'000);
  EXPECT_EQ(lines["peer.silent"], 1'000);
  log.write_suppressed(now);
  EXPECT_EQ(lines.size(), 2u);
}

TEST_F(LogOfABroker, IsNotFilledByAPeerThatComesAndGoesWithoutEnd) {
  using Kind = PeerEvent::Kind;
  for (int i = 0; i < 5'000; ++i)
    for (const Kind kind : {Kind::registered, Kind::draining, Kind::left, Kind::replaced,
                            Kind::unreachable, Kind::silent})
      happens(kind, "restless");
  for (const auto& [event, count] : lines) EXPECT_EQ(count, 5) << event;
  EXPECT_EQ(lines.size(), 6u);
  happens(Kind::registered, "another");
  EXPECT_EQ(lines["peer.registered"], 6);
  log.write_suppressed(now);
  log.write_suppressed(now);
  EXPECT_EQ(lines["peer.changes_not_logged"], 1);
  EXPECT_EQ(lines.count("peer.refusals_not_logged"), 0u);
}

TEST_F(LogOfABroker, IsNotFilledByPeersOfEverNewNames) {
  for (int i = 0; i < 50'000; ++i) happens(PeerEvent::Kind::registered, std::to_string(i));
  EXPECT_LE(lines["peer.registered"], 2'048);
}

TEST_F(LogOfABroker, HasOneLineAMinuteForARefusal) {
  for (int i = 0; i < 100; ++i) happens(PeerEvent::Kind::refused, "stranger");
  EXPECT_EQ(lines["peer.refused"], 1);
  log.write_suppressed(now);
  EXPECT_EQ(lines["peer.refusals_not_logged"], 1);
  happens(PeerEvent::Kind::refused, "stranger");
  now += 60s;
  happens(PeerEvent::Kind::refused, "stranger");
  EXPECT_EQ(lines["peer.refused"], 2);
}

}  // namespace
}  // namespace parley::test
