// A business system against real brokers, workers, PostgreSQL and Redis: what it publishes is stored once,
// what happens is told at least once, whoever is killed. The test is the gateway, too.
#include <gmock/gmock.h>

#include <map>

#include "bus/event_feed.h"
#include "bus/push.h"
#include "tests/integration/workers/bus_gateway.h"
#include "tests/support/cluster.h"

namespace parley::test {
namespace {

using testing::SizeIs;

struct BusinessAtWork : testing::Test {
  std::unique_ptr<Cluster> cluster;
  std::unique_ptr<BusGateway> gateway;
  Metrics metrics;
  std::unique_ptr<BusinessPeer> peer;
  std::unique_ptr<EventFeed> feed;
  std::map<std::uint64_t, wire::Event> events;  // by cursor
  std::size_t repeated = 0;
  Caller ann;
  Caller bob;
  std::uint64_t chat = 0;

  void start(unsigned workers) {
    cluster = std::make_unique<Cluster>(
        ClusterOptions{.brokers = 1,
                       .workers = workers,
                       .gateways = 0,
                       .business = true,
                       .worker_environment = {"PARLEY_LOGIN_HASH_MEMORY_KIB=8",
                                              "PARLEY_LOGIN_HASH_OPERATIONS=1",
                                              "PARLEY_EVENTS_SWEEP_MS=20"}});
    ASSERT_TRUE(cluster->ready());
    gateway = std::make_unique<BusGateway>(cluster->broker_endpoints());
    ASSERT_TRUE(gateway->connect());
    ann = gateway->newcomer("ann", 1);
    bob = gateway->newcomer("bob", 2);
    chat = direct_conversation(ann.user, bob.user).value;
    const std::string key_file = cluster->allow("business", "payroll");
    const auto brokers =
        load_bus_endpoints({.brokers = cluster->business_endpoints(), .key_file = key_file});
    ASSERT_TRUE(brokers) << brokers.error().detail;
    peer = std::make_unique<BusinessPeer>(
        gateway->loop(), BusinessPeerOptions{.instance = "payroll", .brokers = *brokers}, metrics);
  }
  void follow(std::vector<wire::EventKind> kinds) {
    feed = std::make_unique<EventFeed>(
        *peer,
        Subscription::Options{.kinds = std::move(kinds), .poll_every = 500ms, .backoff_cap = 500ms},
        [this](const wire::Event& event, EventFeed::Finish finish) {
          if (!events.try_emplace(event.cursor(), event).second) ++repeated;
          finish({});
        });
  }
  void connect() {
    peer->start();
    ASSERT_TRUE(turn_until(5s, [&] { return peer->healthy(); }));
  }
  // Subscribed: until then nothing is promised.
  void await_subscription() {
    ASSERT_TRUE(turn_until(5s, [&] {
      return !cluster->sql("SELECT 1 FROM parley.event_subscription").empty();
    }));
  }
  bool turn_until(Duration limit, const std::function<bool()>& condition) {
    return gateway->turn_until(limit, condition);
  }
  Result<wire::PublishReply> publish(const Push& push) {
    std::optional<Result<wire::PublishReply>> answer;
    const auto asked = parley::publish(
        *peer, push, [&](Result<wire::PublishReply> reply) { answer = std::move(reply); });
    EXPECT_TRUE(asked);
    EXPECT_TRUE(turn_until(15s, [&] { return answer.has_value(); }));
    return answer.value_or(fail(Errc::internal, "no answer"));
  }
  void TearDown() override {
    feed.reset();
    peer.reset();
  }
};

TEST_F(BusinessAtWork, StoresOnceWhatIsPublishedTwiceAndTellsEverybodyOfIt) {
  ASSERT_NO_FATAL_FAILURE(start(1));
  follow({wire::EVENT_KIND_MESSAGE, wire::EVENT_KIND_PRESENCE});
  ASSERT_NO_FATAL_FAILURE(connect());
  ASSERT_NO_FATAL_FAILURE(await_subscription());

  const Push push{.users = {ann.user, UserId{4711}}, .body = "your wages"};
  const auto first = publish(push);
  ASSERT_TRUE(first) << first.error().detail;
  const auto again = publish(push);
  EXPECT_EQ(again->SerializeAsString(), first->SerializeAsString());
  ASSERT_THAT(first->receipts(), SizeIs(2));
  EXPECT_EQ(first->receipts(0).fate(), wire::FATE_STORED);
  EXPECT_EQ(first->receipts(0).number(), 1U);
  EXPECT_EQ(first->receipts(1).fate(), wire::FATE_UNKNOWN_USER);
  EXPECT_EQ(cluster->sql("SELECT count(*) FROM parley.log")[0][0], "1");

  ASSERT_TRUE(turn_until(5s, [&] { return events.size() == 1; }));
  gateway->send(bob, chat, 1, "did you get yours?");
  ASSERT_TRUE(turn_until(5s, [&] { return events.size() == 2; })) << events.size();
  EXPECT_EQ(events[1].message().receiver(), ann.user.value);
  EXPECT_EQ(events[1].message().entry().body(), "your wages");
  EXPECT_EQ(events[2].message().entry().body(), "did you get yours?");

  // Presence takes a second to be noticed as wanted.
  for (int attempt = 0; attempt < 20 && events.size() < 3; ++attempt) {
    gateway->report({ann.user});
    turn_until(250ms, [&] { return events.size() == 3; });
  }
  ASSERT_THAT(events, SizeIs(3));
  EXPECT_EQ(events[3].presence().user(), ann.user.value);
  EXPECT_TRUE(events[3].presence().online());
}

TEST_F(BusinessAtWork, OnlineOnlyReachesWhoIsThere) {
  ASSERT_NO_FATAL_FAILURE(start(1));
  ASSERT_NO_FATAL_FAILURE(connect());
  gateway->report({ann.user});
  const auto one = publish({.keep = wire::KEEP_ONLINE_ONLY, .users = {ann.user}, .body = "a"});
  ASSERT_TRUE(one);
  EXPECT_EQ(one->receipts(0).fate(), wire::FATE_SENT);
  ASSERT_TRUE(publish({.keep = wire::KEEP_ONLINE_ONLY, .everyone = true, .body = "b"}));
  ASSERT_TRUE(turn_until(5s, [&] { return gateway->noticed(Notice::push_message) == 2; }));
  for (const BusGateway::Told& told : gateway->notices) {
    if (told.notice != static_cast<std::uint16_t>(Notice::push_message)) continue;
    wire::PushNotice notice;
    ASSERT_TRUE(notice.ParseFromString(told.body));
    EXPECT_EQ(notice.publisher(), "payroll");
    EXPECT_EQ(told.target, instance_id("payroll").value);
    EXPECT_EQ(told.users.empty(), notice.body() == "b");
  }
  EXPECT_EQ(cluster->sql("SELECT count(*) FROM parley.log")[0][0], "0");
}

TEST_F(BusinessAtWork, EveryMessageIsToldWhicheverWorkerIsKilled) {
  ASSERT_NO_FATAL_FAILURE(start(2));
  follow({wire::EVENT_KIND_MESSAGE});
  ASSERT_NO_FATAL_FAILURE(connect());
  ASSERT_NO_FATAL_FAILURE(await_subscription());
  constexpr unsigned rounds = 4;
  constexpr unsigned per_round = 400;
  for (unsigned round = 0; round < rounds; ++round) {
    const std::string victim = "worker-" + std::to_string(1 + round % 2);
    for (unsigned i = 0; i < per_round; ++i)
      gateway->send(i % 2 == 0 ? ann : bob, chat, round * per_round + i, "x");
    turn_until(60ms, [] { return false; });
    cluster->kill9(victim);
    ASSERT_TRUE(gateway->all_answered());
    cluster->start(victim);
    ASSERT_TRUE(cluster->wait_ready());
  }
  const std::size_t stored = std::stoull(cluster->sql("SELECT count(*) FROM parley.log")[0][0]);
  EXPECT_EQ(stored, rounds * per_round);
  ASSERT_TRUE(turn_until(20s, [&] { return events.size() >= stored; })) << events.size();
  turn_until(300ms, [] { return false; });
  ASSERT_THAT(events, SizeIs(stored));
  std::uint64_t seq = 0;
  for (const auto& [cursor, event] : events) {
    EXPECT_EQ(cursor, seq + 1) << "no event twice in the outbox, none missing";
    EXPECT_EQ(event.message().entry().seq(), ++seq);
  }
  // All is acknowledged: the sweepers remove it.
  EXPECT_TRUE(turn_until(10s, [&] {
    return cluster->sql("SELECT count(*) FROM parley.event")[0][0] == "0";
  }));
}

}  // namespace
}  // namespace parley::test
