// The load of bar 3 against something in the middle that makes mistakes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bus/zmq_socket.h"
#include "perf/raw/bus_echo.h"
#include "perf/raw/proxy.h"
#include "perf/temporary_directory.h"

namespace parley::perf {
namespace {

enum class Mistake { none, loses_one, repeats_one, changes_one };

// Answers the clients by itself, all but the hundredth as it should; the workers stay idle.
std::string run_middle(const BusAddress& address, Mistake mistake, Child& parent) {
  ZmqContext context;
  ZmqSocket clients = ZmqSocket::router(context, {});
  ZmqSocket workers = ZmqSocket::router(context, {});
  if (!clients.bind(address.clients, 0600) || !workers.bind(address.workers, 0600)) return "bind";
  parent.write_line("ready");
  ZmqMessage message;
  for (int count = 0;;) {
    if (!clients.receive(message)) continue;
    ++count;
    message.bytes[1] = static_cast<char>(EnvelopeKind::reply);
    if (count == 100 && mistake == Mistake::changes_one) message.bytes.back() ^= 1;
    if (count == 100 && mistake == Mistake::loses_one) continue;
    clients.send_to(message.identity, message.bytes);
    if (count == 100 && mistake == Mistake::repeats_one)
      clients.send_to(message.identity, message.bytes);
  }
}

class BusEcho : public testing::Test {
 protected:
  std::string failure_with(Mistake mistake) {
    Child middle =
        Child::start([&](Child& parent) { return run_middle(address_, mistake, parent); });
    EXPECT_EQ(middle.read_line(), "ready");
    const auto echoes = bus_echo(address_, load_);
    return echoes ? "none" : echoes.error().detail;
  }

  const TemporaryDirectory directory_ = *TemporaryDirectory::make();
  const BusAddress address_{"ipc://" + directory_.path() + "/clients",
                            "ipc://" + directory_.path() + "/workers"};
  const BusEchoLoad load_{.middle = Middle::proxy, .in_flight = 8, .warmup = 10ms, .length = 100ms};
};

TEST_F(BusEcho, CountsWhatGoesThroughAProxy) {
  const auto proxy = Proxy::start(address_);
  ASSERT_TRUE(proxy);
  const auto echoes = bus_echo(address_, load_);
  ASSERT_TRUE(echoes) << echoes.error().detail;
  EXPECT_GT(echoes->measured, 0u);
  EXPECT_GE(echoes->all, echoes->measured + load_.in_flight);
}

TEST_F(BusEcho, SeesALostAnswer) {
  EXPECT_THAT(failure_with(Mistake::loses_one), testing::HasSubstr("1 answers are missing"));
}

TEST_F(BusEcho, SeesARepeatedAnswer) {
  EXPECT_THAT(failure_with(Mistake::repeats_one), testing::HasSubstr("nobody waits for"));
}

TEST_F(BusEcho, SeesAChangedAnswer) {
  EXPECT_THAT(failure_with(Mistake::changes_one), testing::HasSubstr("not what was asked"));
}

TEST_F(BusEcho, SeesThatWorkersDidNotServeWhatWasAnswered) {
  Child middle = Child::start(
      [&](Child& parent) { return run_middle(address_, Mistake::none, parent); });
  ASSERT_EQ(middle.read_line(), "ready");
  const auto echoes = bus_echo(address_, load_);
  ASSERT_FALSE(echoes);
  EXPECT_THAT(echoes.error().detail, testing::StartsWith("workers served 0 of "));
}

}  // namespace
}  // namespace parley::perf
