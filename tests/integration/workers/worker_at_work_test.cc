// Real brokers, workers, PostgreSQL and Redis; the test is the gateway.
#include <set>

#include "tests/integration/workers/bus_gateway.h"
#include "tests/support/cluster.h"
#include "tests/support/eventually.h"

namespace parley::test {
namespace {

const std::vector<std::string> cheap_hashes{"PARLEY_LOGIN_HASH_MEMORY_KIB=8",
                                            "PARLEY_LOGIN_HASH_OPERATIONS=1"};

struct WorkerAtWork : testing::Test {
  std::unique_ptr<Cluster> cluster;
  std::unique_ptr<BusGateway> gateway;
  Caller ann;
  Caller bob;
  std::uint64_t chat = 0;

  void start(const ClusterOptions& options) {
    ClusterOptions with = options;
    with.gateways = 0;
    with.worker_environment = cheap_hashes;
    cluster = std::make_unique<Cluster>(with);
    ASSERT_TRUE(cluster->ready());
    gateway = std::make_unique<BusGateway>(cluster->broker_endpoints());
    ASSERT_TRUE(gateway->connect());
    ann = gateway->newcomer("ann", 1);
    bob = gateway->newcomer("bob", 2);
    chat = direct_conversation(ann.user, bob.user).value;
  }
  std::set<std::uint64_t> delivered() const {
    std::set<std::uint64_t> seqs;
    for (const BusGateway::Told& one : gateway->notices) {
      wire::MessageNotice notice;
      if (one.notice != static_cast<std::uint16_t>(Notice::c2c_message)) continue;
      EXPECT_TRUE(notice.ParseFromString(one.body));
      seqs.insert(notice.entry().seq());
    }
    return seqs;
  }
  std::string stored() { return cluster->sql("SELECT count(*) FROM parley.log")[0][0]; }
};

TEST_F(WorkerAtWork, StoresAnswersAndDeliversInOrder) {
  ASSERT_NO_FATAL_FAILURE(start({.brokers = 1, .workers = 1}));
  gateway->report({ann.user, bob.user});
  for (unsigned i = 0; i < 1'000; ++i) gateway->send(ann, chat, i, std::to_string(i));
  ASSERT_TRUE(gateway->all_answered());
  EXPECT_EQ(stored(), "1000");
  ASSERT_TRUE(gateway->turn_until(5s, [&] { return delivered().size() == 1'000; }));
  std::uint64_t last = 0;
  for (const BusGateway::Told& one : gateway->notices) {
    wire::MessageNotice notice;
    if (one.notice != static_cast<std::uint16_t>(Notice::c2c_message)) continue;
    ASSERT_TRUE(notice.ParseFromString(one.body));
    EXPECT_EQ(notice.entry().seq(), ++last);
    EXPECT_EQ(notice.entry().body(), std::to_string(last - 1))
        << "numbers follow the order of sending";
  }
}

TEST_F(WorkerAtWork, ARepetitionGetsTheSameAckAndIsDeliveredAgain) {
  ASSERT_NO_FATAL_FAILURE(start({.brokers = 1, .workers = 1}));
  gateway->report({ann.user, bob.user});
  gateway->send(ann, chat, 1, "hi");
  ASSERT_TRUE(gateway->all_answered());
  const std::string first = gateway->replies.back().body;
  gateway->send(ann, chat, 1, "hi");
  ASSERT_TRUE(gateway->all_answered());
  EXPECT_EQ(gateway->replies.back().body, first);
  gateway->send(ann, chat, 1, "ho");
  ASSERT_TRUE(gateway->all_answered());
  EXPECT_EQ(gateway->replies.back().header.error, static_cast<int>(Errc::conflict));
  EXPECT_TRUE(gateway->turn_until(5s, [&] { return gateway->noticed(Notice::c2c_message) == 2; }));
}

TEST_F(WorkerAtWork, AWorkerThatIsToldToStopLosesNeitherAnswersNorDeliveries) {
  ASSERT_NO_FATAL_FAILURE(start({.brokers = 2, .workers = 2}));
  gateway->report({ann.user, bob.user});
  for (unsigned i = 0; i < 2'000; ++i) gateway->send(ann, chat + i % 2, i, "x");
  cluster->terminate("worker-1");
  ASSERT_TRUE(gateway->all_answered());
  EXPECT_TRUE(gateway->turn_until(5s, [&] { return delivered().size() == 1'000; }))
      << delivered().size();
  std::size_t acked = 0;
  for (const BusGateway::Reply& reply : gateway->replies) acked += reply.header.error == 0;
  EXPECT_EQ(acked, gateway->replies.size() - 1'000) << "the odd ones went to nobody's conversation";
  EXPECT_EQ(stored(), "1000");
}

TEST_F(WorkerAtWork, WithoutRedisEverythingIsAnsweredAndDeliveredAllTheSame) {
  ASSERT_NO_FATAL_FAILURE(start({.brokers = 1, .workers = 1}));
  cluster->kill9("redis");
  for (unsigned i = 0; i < 200; ++i) gateway->send(ann, chat, i, "x");
  ASSERT_TRUE(gateway->all_answered());
  EXPECT_TRUE(gateway->turn_until(5s, [&] { return delivered().size() == 200; }))
      << delivered().size();
  cluster->start("redis");
  unsigned next = 200;
  EXPECT_TRUE(gateway->turn_until(10s, [&] {
    gateway->send(ann, chat, next++, "x");
    return gateway->noticed(Notice::route_report_wanted) > 0;
  })) << "the cache came back empty, and the gateways are asked";
  ASSERT_TRUE(gateway->all_answered());
}

TEST_F(WorkerAtWork, WaitsForADatabaseThatIsNotThereYet) {
  ASSERT_NO_FATAL_FAILURE(start({.brokers = 1, .workers = 1}));
  cluster->terminate("worker-1");
  cluster->kill9("postgres");
  cluster->start("worker-1");
  EXPECT_TRUE(eventually(
      10s, [&] { return cluster->log("worker-1").find("database.awaited") != std::string::npos; }));
  EXPECT_FALSE(cluster->wait_ready(100ms)) << "it does not register before it can store";
  cluster->start("postgres");
  EXPECT_TRUE(cluster->wait_ready());
  gateway->send(ann, chat, 1, "hi");
  ASSERT_TRUE(gateway->all_answered());
  EXPECT_EQ(gateway->replies.back().header.error, 0);
}

}  // namespace
}  // namespace parley::test
