// The proxy between real sockets, TCP and unix: that each fault does what it says, in the direction that it
// says, and leaves everything else alone.
#include "tests/support/fault_proxy.h"

#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "tests/support/eventually.h"

namespace parley::test {
namespace {

constexpr const char* link = "client/server";
constexpr Duration soon = 5s;
constexpr Duration long_enough = 100ms;  // for what must not come

// One end of a connection.
class End {
 public:
  explicit End(StreamSocket socket) : socket_(std::move(socket)) {}
  static End connected_to(const StreamAddress& address) {
    StreamSocket socket;
    EXPECT_NE(start_connect(socket, address), Connect::failed);
    End end(std::move(socket));
    end.wait(POLLOUT, soon);
    return end;
  }

  void say(std::string_view bytes) {
    EXPECT_EQ(send(socket_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // As much as goes without waiting.
  std::size_t say_all_it_takes(std::size_t bytes_max) {
    const std::string block(64 * 1024, 'x');
    std::size_t said = 0;
    while (said < bytes_max && wait(POLLOUT, long_enough)) {
      const ssize_t sent = send(socket_.fd(), block.data(), block.size(), MSG_NOSIGNAL);
      if (sent > 0) said += static_cast<std::size_t>(sent);
    }
    return said;
  }
  // What comes until there is so much of it, or the end, or the limit.
  std::string hear(std::size_t size, Duration limit = soon) {
    std::string heard;
    const Instant deadline = monotonic_now() + limit;
    while (heard.size() < size && wait(POLLIN, deadline - monotonic_now())) {
      char buffer[65'536];
      const ssize_t got =
          recv(socket_.fd(), buffer, std::min(sizeof buffer, size - heard.size()), 0);
      if (got <= 0) {
        end_ = got == 0 ? 0 : errno;
        break;
      }
      heard.append(buffer, static_cast<std::size_t>(got));
    }
    return heard;
  }
  bool hears_nothing() { return hear(1, long_enough).empty() && !end_; }
  // 0: closed; ECONNRESET: torn; none: neither.
  std::optional<int> end(Duration limit = soon) {
    EXPECT_EQ(hear(1, limit), "");
    return end_;
  }
  void finish_saying() { shutdown(socket_.fd(), SHUT_WR); }
  void close() { socket_.close(); }

 private:
  bool wait(short events, Duration limit) {
    pollfd watched{socket_.fd(), events, 0};
    return poll(&watched, 1, static_cast<int>(std::max<std::int64_t>(to_ms(limit), 0))) > 0;
  }
  StreamSocket socket_;
  std::optional<int> end_;
};

struct Pair {
  End client;
  End server;
};

class FaultProxyTest : public testing::TestWithParam<const char*> {
 protected:
  FaultProxyTest() {
    char name[] = "/tmp/parley-proxy-XXXXXX";
    directory_ = mkdtemp(name);
    const std::string server = is_tcp() ? "127.0.0.1:0" : directory_ + "/server";
    listener_ = listen_at(server);
    target_ = address_of(listener_, server);
    address_ = proxy_.add(link, is_tcp() ? "127.0.0.1:0" : directory_ + "/proxy", target_);
  }
  ~FaultProxyTest() override {
    unlink((directory_ + "/server").c_str());
    unlink((directory_ + "/proxy").c_str());
    rmdir(directory_.c_str());
  }

  static bool is_tcp() { return std::string(GetParam()) == "tcp"; }
  FaultProxy& proxy() { return proxy_; }
  LinkCounters counters() { return proxy_.counters(link); }
  End connect() { return End::connected_to(address_); }
  std::optional<End> accept(Duration limit = soon) {
    std::optional<End> end;
    eventually(limit, [&] {
      StreamSocket socket = accept_from(listener_);
      if (socket.is_open()) end.emplace(std::move(socket));
      return end.has_value();
    });
    return end;
  }
  Pair pair() {
    End client = connect();
    return {std::move(client), accept().value()};
  }
  void server_dies() { listener_.close(); }

 private:
  std::string directory_;
  StreamSocket listener_;
  StreamAddress target_;
  StreamAddress address_;
  FaultProxy proxy_{1};
};

INSTANTIATE_TEST_SUITE_P(, FaultProxyTest, testing::Values("tcp", "unix"),
                         [](const auto& instance) { return std::string(instance.param); });

TEST_P(FaultProxyTest, ForwardsBothWaysAndEachEndByItself) {
  auto [client, server] = pair();
  client.say("ping");
  EXPECT_EQ(server.hear(4), "ping");
  client.finish_saying();
  EXPECT_EQ(server.end(), 0);
  server.say("pong");
  EXPECT_EQ(client.hear(4), "pong");
  server.close();
  EXPECT_EQ(client.end(), 0);
  EXPECT_TRUE(eventually(soon, [&] { return counters().open == 0; }));
  EXPECT_EQ(counters().accepted, 1u);
  EXPECT_EQ(counters().of(Way::to_server).forwarded, 4u);
  EXPECT_EQ(counters().of(Way::to_client).forwarded, 4u);
  EXPECT_EQ(counters().cut, 0u);
}

TEST_P(FaultProxyTest, DelaysTheWayThatItWasTold) {
  auto [client, server] = pair();
  proxy().set(link, only_to_server, {.delay = 300ms});
  const Instant said = monotonic_now();
  client.say("late");
  server.say("at once");
  EXPECT_EQ(client.hear(7), "at once");
  EXPECT_LT(monotonic_now() - said, 300ms);
  EXPECT_EQ(server.hear(4), "late");
  EXPECT_GE(monotonic_now() - said, 300ms);
}

TEST_P(FaultProxyTest, SlicesAndARateLeaveTheBytesAsTheyWere) {
  auto [client, server] = pair();
  proxy().set(link, both_ways, {.bytes_per_second = 20'000, .slice = 7});
  std::string text;
  for (int i = 0; i < 500; ++i) text += std::to_string(i);
  const Instant said = monotonic_now();
  client.say(text);
  EXPECT_EQ(server.hear(text.size()), text);
  EXPECT_GE(monotonic_now() - said, 50ms) << text.size() << " bytes at 20 a millisecond";
}

TEST_P(FaultProxyTest, HoleHoldsOneWayAndGivesBackWhatItHeld) {
  auto [client, server] = pair();
  proxy().blackhole(link, only_to_server);
  client.say("held, ");
  server.say("free");
  EXPECT_EQ(client.hear(4), "free");
  EXPECT_TRUE(server.hears_nothing());
  client.say("not lost");
  client.close();
  EXPECT_TRUE(server.hears_nothing()) << "nor its end";
  EXPECT_TRUE(eventually(soon, [&] { return counters().of(Way::to_server).held == 14; }));
  EXPECT_EQ(counters().of(Way::to_server).waiting, 14u);
  proxy().heal(link);
  EXPECT_EQ(server.hear(14), "held, not lost");
  EXPECT_EQ(server.end(), 0);
}

TEST_P(FaultProxyTest, NewConnectionDoesNotPassAHoleEither) {
  proxy().blackhole(link, only_to_server);
  End client = connect();
  client.say("hello");
  EXPECT_FALSE(accept(long_enough));
  proxy().heal(link);
  std::optional<End> server = accept();
  ASSERT_TRUE(server);
  EXPECT_EQ(server->hear(5), "hello");
}

TEST_P(FaultProxyTest, UnreadWayPushesBackAndLosesNothing) {
  auto [client, server] = pair();
  proxy().stop_reading(link, only_to_server);
  const std::size_t said = client.say_all_it_takes(64 << 20);
  EXPECT_LT(said, 64u << 20) << "the sender was not stopped";
  EXPECT_EQ(counters().of(Way::to_server).forwarded, 0u);
  EXPECT_EQ(counters().of(Way::to_server).waiting, 0u);
  server.say("free");
  EXPECT_EQ(client.hear(4), "free");
  proxy().heal(link);
  EXPECT_EQ(server.hear(said).size(), said);
}

TEST_P(FaultProxyTest, ReceiverThatDoesNotReadStopsTheSenderAtABound) {
  auto [client, server] = pair();
  const std::size_t said = client.say_all_it_takes(64 << 20);
  EXPECT_LT(said, 64u << 20);
  EXPECT_GT(counters().of(Way::to_server).waiting, 0u);
  EXPECT_LE(counters().of(Way::to_server).waiting, FaultPipe::bytes_max);
  EXPECT_EQ(server.hear(said).size(), said);
}

TEST_P(FaultProxyTest, CutEndsBothSidesAndDropsWhatWasHeld) {
  for (const Cut how : {Cut::fin, Cut::rst}) {
    auto [client, server] = pair();
    proxy().blackhole(link, only_to_server);
    client.say("lost");
    EXPECT_TRUE(eventually(soon, [&] { return counters().of(Way::to_server).waiting == 4; }));
    const std::uint64_t dropped = counters().of(Way::to_server).dropped;
    proxy().cut(link, how);
    const int expected = how == Cut::rst && is_tcp() ? ECONNRESET : 0;
    EXPECT_EQ(client.end(), expected);
    EXPECT_EQ(server.end(), expected);
    EXPECT_EQ(counters().of(Way::to_server).dropped, dropped + 4);
    proxy().heal(link);
  }
  EXPECT_EQ(counters().cut, 2u);
  EXPECT_EQ(counters().open, 0u);
}

TEST_P(FaultProxyTest, CutsAtAPatternInSoManyConnections) {
  proxy().cut_after(link, {.way = Way::to_client,
                           .pattern = "secret",
                           .keep = Keep::before_match,
                           .times = 2,
                           .how = Cut::fin});
  Pair untouched = pair();
  for (int i = 0; i < 2; ++i) {
    auto [client, server] = pair();
    client.say("secret");  // the other way
    EXPECT_EQ(server.hear(6), "secret");
    server.say("a sec");
    server.say("ret");
    EXPECT_EQ(client.hear(8), "a ");
    EXPECT_EQ(client.end(), 0);
  }
  auto [client, server] = pair();
  server.say("a secret");
  EXPECT_EQ(client.hear(8), "a secret");
  untouched.server.say("secret");
  EXPECT_EQ(untouched.client.hear(6), "secret") << "also one that was there before";
  EXPECT_EQ(counters().matched, 2u);
  EXPECT_EQ(counters().cut, 2u);
}

TEST_P(FaultProxyTest, CutsAfterSoManyBytes) {
  auto [client, server] = pair();
  client.say("not counted");
  EXPECT_EQ(server.hear(11), "not counted");
  proxy().cut_after(link, {.way = Way::to_server, .bytes = 3, .how = Cut::fin});
  client.say("abcdef");
  EXPECT_EQ(server.hear(6), "abc");
  EXPECT_EQ(server.end(), 0);
}

TEST_P(FaultProxyTest, ReleasedConnectionsComeInTheOrderThatWasAskedFor) {
  for (const ReleaseOrder order : {ReleaseOrder::oldest_first, ReleaseOrder::newest_first}) {
    std::vector<Pair> pairs;
    for (int i = 0; i < 3; ++i) pairs.push_back(pair());
    proxy().hold(link);
    for (Pair& each : pairs) each.client.say("x");
    EXPECT_TRUE(eventually(soon, [&] { return counters().of(Way::to_server).waiting == 3; }));
    proxy().release(link, order, 300ms);
    if (order == ReleaseOrder::newest_first) std::reverse(pairs.begin(), pairs.end());
    EXPECT_EQ(pairs[0].server.hear(1), "x");
    EXPECT_EQ(pairs[2].server.hear(1, 0ms), "");
    EXPECT_EQ(pairs[1].server.hear(1), "x");
    EXPECT_EQ(pairs[2].server.hear(1), "x");
  }
}

TEST_P(FaultProxyTest, RefusedAndSilencedConnectionsReachNobody) {
  Pair before = pair();
  proxy().refuse(link);
  EXPECT_TRUE(connect().end().has_value());
  EXPECT_EQ(counters().refused, 1u);
  proxy().accept_then_silence(link);
  End silenced = connect();
  silenced.say("anybody there?");
  EXPECT_TRUE(silenced.hears_nothing());
  EXPECT_EQ(counters().silenced, 1u);
  EXPECT_FALSE(accept(0ms));
  before.client.say("still here");
  EXPECT_EQ(before.server.hear(10), "still here");
  proxy().heal(link);
  EXPECT_TRUE(silenced.end().has_value());
  Pair after = pair();
  after.client.say("again");
  EXPECT_EQ(after.server.hear(5), "again");
}

TEST_P(FaultProxyTest, ClientOfATargetThatIsNotThereIsClosed) {
  server_dies();
  EXPECT_TRUE(connect().end().has_value());
  EXPECT_EQ(counters().unreachable, 1u);
}

TEST_P(FaultProxyTest, DeadServersClientIsToldAfterItsLastWord) {
  auto [client, server] = pair();
  server.say("goodbye");
  server.close();
  EXPECT_EQ(client.hear(7), "goodbye");
  EXPECT_TRUE(client.end().has_value());
  client.close();
  EXPECT_TRUE(eventually(soon, [&] { return counters().open == 0; }));
}

TEST(FaultProxy, FindsLinksByAPartOfTheirNames) {
  FaultProxy proxy(1);
  for (const char* name : {"worker-1/redis", "gateway-1/broker-1", "worker-1/broker-1"})
    proxy.add(name, "127.0.0.1:0", "127.0.0.1:1");
  EXPECT_THAT(proxy.links("worker-1/"),
              testing::ElementsAre("worker-1/broker-1", "worker-1/redis"));
  EXPECT_THAT(proxy.links("/broker-1"),
              testing::ElementsAre("gateway-1/broker-1", "worker-1/broker-1"));
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // a fork has not the proxy's thread
  EXPECT_DEATH(proxy.cut("worker-2/redis", Cut::fin), "no link is named \"worker-2/redis\"");
}

}  // namespace
}  // namespace parley::test
