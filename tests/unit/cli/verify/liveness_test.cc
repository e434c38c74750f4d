// The anomalies L1 … L5 of RELIABILITY §2.8, planted, and valid histories that resemble them.
#include "tests/unit/cli/verify/planted_history.h"

namespace parley::verify {
namespace {

using Kind = Verdict::Kind;

void expect_valid(const Planted& planted) {
  EXPECT_EQ(planted.judged().kind, Kind::valid) << describe(planted.judged());
}

constexpr Planted::Name a{1, 'a'};
constexpr Planted::Name b{1, 'b'};

// -- L1

TEST(L1Liveness, IsAPageThatNeverComes) {
  Planted p;
  p.sent(a, 1).healed().ask("2/1", 1);
  EXPECT_TRUE(p.later(11s).dumped().judged().has("L1"));
}

TEST(L1Liveness, IsASendThatWaitsTooLongAfterHealing) {
  Planted p;
  const auto op = p.invoke(a);
  p.later(60s).healed().later(11s).ok(op, 1).row(a, 1).dumped();
  EXPECT_TRUE(p.judged().has("L1"));
}

TEST(L1Liveness, IsSeenWhileOthersAreAnswered) {
  Planted p;
  p.sent(a, 1).healed();
  p.ask("2/1", 1);
  for (int i = 0; i < 20; ++i) p.later(1s).asked("1/1", 2, {.head = 1});
  EXPECT_TRUE(p.dumped().judged().has("L1"));
}

TEST(L1Liveness, IsNotAWaitWhileSomethingIsBroken) {
  Planted p;
  const auto op = p.invoke(a);
  p.later(60s).fault(1, 2).ok(op, 1).row(a, 1).healed().dumped();
  expect_valid(p);
}

TEST(L1Liveness, IsNotADeviceThatAsksForNothing) {
  Planted p;
  p.sent(a, 1).healed().asked("2/1", 2, {.head = 1}).later(600s).dumped();
  expect_valid(p);
}

// -- L2

Planted hundred_sends() {
  Planted p;
  for (std::uint64_t seq = 1; seq <= 100; ++seq) p.sent({1, static_cast<char>(seq)}, seq);
  return p;
}

TEST(L2Amplification, IsMoreThanThreeRequestsForOne) {
  Planted p;
  p.gauge("broker-1", "bus_requests", 0);
  for (std::uint64_t seq = 1; seq <= 100; ++seq) p.sent({1, static_cast<char>(seq)}, seq);
  EXPECT_TRUE(p.gauge("broker-1", "bus_requests", 301).dumped().judged().has("L2"));
}

TEST(L2Amplification, IsTheSumOfAllBrokers) {
  Planted p = hundred_sends();
  for (const char* broker : {"broker-1", "broker-2", "broker-3"})
    p.gauge(broker, "bus_requests", 1'000).gauge(broker, "bus_requests", 1'120);
  EXPECT_TRUE(p.dumped().judged().has("L2"));
}

TEST(L2Amplification, IsSeenAcrossABrokersRestart) {
  Planted p = hundred_sends();
  p.gauge("broker-1", "bus_requests", 0).gauge("broker-1", "bus_requests", 200);
  p.gauge("broker-1", "bus_requests", 10).gauge("broker-1", "bus_requests", 150).dumped();
  EXPECT_TRUE(p.judged().has("L2"));
}

TEST(L2Amplification, IsNotWhatABrokerHadCountedBefore) {
  Planted p = hundred_sends();
  p.gauge("broker-1", "bus_requests", 1'000'000).gauge("broker-1", "bus_requests", 1'000'290);
  expect_valid(p.dumped());
}

TEST(L2Amplification, IsNotACounterThatBeganAnew) {
  Planted p = hundred_sends();
  p.gauge("broker-1", "bus_requests", 5'000).gauge("broker-1", "bus_requests", 120);
  expect_valid(p.dumped());
}

// -- L4

TEST(L4Leak, IsAQueueBeyondItsBound) {
  Planted p;
  p.sent(a, 1).gauge("broker-1", "queued", 1'001, 1'000).gauge("broker-1", "queued", 0, 1'000);
  EXPECT_TRUE(p.dumped().judged().has("L4"));
}

TEST(L4Leak, IsMemoryThatIsNotGivenBack) {
  Planted p;
  p.gauge("gateway-1", "rss_bytes", 100 << 20).sent(a, 1).quiesced();
  p.gauge("gateway-1", "rss_bytes", 200 << 20).dumped();
  EXPECT_TRUE(p.judged().has("L4"));
}

TEST(L4Leak, IsFilesThatStayOpen) {
  Planted p;
  p.gauge("gateway-1", "fds", 20).sent(a, 1).gauge("gateway-1", "fds", 500).quiesced();
  EXPECT_TRUE(p.gauge("gateway-1", "fds", 60).dumped().judged().has("L4"));
}

TEST(L4Leak, IsNotAFullQueue) {
  Planted p;
  p.sent(a, 1).gauge("broker-1", "queued", 1'000, 1'000).dumped();
  expect_valid(p);
}

TEST(L4Leak, IsNotWhatIsUsedWhilePeopleAreThere) {
  Planted p;
  p.gauge("gateway-1", "fds", 20).sent(a, 1).gauge("gateway-1", "fds", 5'000).quiesced();
  p.gauge("gateway-1", "fds", 24).dumped();
  expect_valid(p);
}

TEST(L4Leak, IsNotWhatADeadProcessHadInItsTime) {
  Planted p;
  p.gauge("gateway-1, process 7", "fds", 20).sent(a, 1).gauge("gateway-1, process 7", "fds", 500);
  expect_valid(p.quiesced().gauge("gateway-1, process 8", "fds", 20).dumped());
}

TEST(L4Leak, IsNotANumberWithoutABound) {
  Planted p;
  p.sent(a, 1).gauge("broker-1", "uptime", 1).gauge("broker-1", "uptime", 1'000'000).quiesced();
  expect_valid(p.dumped());
}

// -- L5

TEST(L5PoisonLoop, IsAFourthAttempt) {
  Planted p;
  p.sent(a, 1).attempted(7, 1).attempted(7, 2).attempted(7, 3).attempted(7, 4).dumped();
  EXPECT_TRUE(p.judged().has("L5"));
}

TEST(L5PoisonLoop, IsSeenWithoutTheOthers) {
  Planted p;
  p.sent(a, 1).sent(b, 2).attempted(7, 1).attempted(8, 9).dumped();
  EXPECT_TRUE(p.judged().has("L5"));
}

TEST(L5PoisonLoop, IsSeenAfterAFault) {
  Planted p;
  p.sent(a, 1).fault(1, 2).attempted(7, 4).healed().dumped();
  EXPECT_TRUE(p.judged().has("L5"));
}

TEST(L5PoisonLoop, IsNotAThirdAttempt) {
  Planted p;
  p.sent(a, 1).attempted(7, 1).attempted(7, 2).attempted(7, 3).attempted(8, 1).dumped();
  expect_valid(p);
}

}  // namespace
}  // namespace parley::verify
