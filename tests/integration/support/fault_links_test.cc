// A whole Parley on links that a fault proxy breaks, one kind after the other: what each side notices, that
// nobody is told anything false, and how soon everything works again.
#include <gmock/gmock.h>

#include "bus/admin_client.h"
#include "cli/status_report.h"
#include "tests/e2e/people.h"
#include "tests/support/eventually.h"

namespace parley::test {
namespace {

constexpr Duration healed_within = 3s;
constexpr Duration noticed_within = 5s;  // each side by 1.5 s, a client's gateway by 2 s of silence
constexpr Duration acked_within = 4s;    // by the other broker or the other worker

ClusterOptions proxied() {
  ClusterOptions options;
  options.links = Links::proxied;
  options.worker_environment = {"PARLEY_LOGIN_HASH_OPERATIONS=1",
                                "PARLEY_LOGIN_HASH_MEMORY_KIB=64"};
  options.gateway_environment = {"PARLEY_METRICS_LISTEN=127.0.0.1:0", "PARLEY_LIMITS_IDLE_MS=2000"};
  return options;
}

std::size_t count_of(const std::string& event, const std::string& log) {
  std::size_t count = 0;
  for (std::size_t at = log.find(event); at != log.npos; at = log.find(event, at + 1)) ++count;
  return count;
}

std::string name_of(Way way) { return way == Way::to_server ? "to server" : "to client"; }

// All tests share a cluster: starting one takes seconds. Each leaves it healed.
class FaultLinks : public testing::Test {
 protected:
  static void SetUpTestSuite() { cluster_ = std::make_unique<Cluster>(proxied()); }
  static void TearDownTestSuite() { cluster_.reset(); }

  void SetUp() override {
    ASSERT_TRUE(cluster_->ready());
    world_.emplace(*cluster_);
    world_->session.ping_every = 300ms;
    alice_.emplace(*world_, unique_name("alice"));
    bob_.emplace(*world_, unique_name("bob"));
    for (Device* device : {&alice(), &bob()}) {
      const Status done = device->sign_up();
      ASSERT_TRUE(done) << done.error().detail;
    }
  }
  void TearDown() override {
    proxy().heal_all();
    EXPECT_TRUE(cluster_->wait_ready());
  }

  Cluster& cluster() { return *cluster_; }
  FaultProxy& proxy() { return cluster_->proxy(); }
  Device& alice() { return *alice_; }
  Device& bob() { return *bob_; }

  void expect_chat(const std::string& text, Duration limit) {
    const auto ack = alice()->send(bob().user(), text, limit);
    ASSERT_TRUE(ack) << text << ": " << ack.error().detail;
    EXPECT_TRUE(bob()->run_until(soon, [&] {
      const auto& entries = bob()->entries();
      return std::any_of(entries.rbegin(), entries.rend(), [&](const client::Entry& entry) {
        return entry.seq == ack->seq && entry.body == text;
      });
    })) << text << " does not arrive";
  }
  // Enough for some conversation to go every way that there is.
  std::vector<UserId> sign_up_crowd() {
    std::vector<UserId> crowd;
    while (crowd.size() < 8) {
      Device device(*world_, unique_name("crowd"));
      EXPECT_TRUE(device.sign_up());
      crowd.push_back(device.user());
    }
    return crowd;
  }
  bool is_known(unsigned broker, const std::string& peer) {
    const std::string& endpoint = cluster().broker_endpoints().at(broker);
    return missing_peers({{endpoint, ask_status(BusEndpoint{endpoint}, 500ms)}}, {peer}).empty();
  }
  void expect_healed() {
    proxy().heal_all();
    const Instant healed = monotonic_now();
    EXPECT_TRUE(cluster().wait_ready(healed_within));
    expect_chat("healed", healed_within - (monotonic_now() - healed));
  }
  // Messages of Alice's and Bob's conversation, as stored.
  Cluster::Rows stored() {
    return cluster().sql("SELECT seq FROM parley.log WHERE sender IN (" +
                         std::to_string(alice().user().value) + "," +
                         std::to_string(bob().user().value) + ") ORDER BY seq");
  }
  std::uint64_t held_on(std::string_view links, Way way) {
    std::uint64_t sum = 0;
    for (const std::string& link : proxy().links(links)) sum += proxy().counters(link).of(way).held;
    return sum;
  }
  std::uint64_t matched() {
    std::uint64_t sum = 0;
    for (const std::string& link : proxy().links("/postgres"))
      sum += proxy().counters(link).matched;
    return sum;
  }

 private:
  static inline std::unique_ptr<Cluster> cluster_;
  std::optional<World> world_;
  std::optional<Device> alice_;
  std::optional<Device> bob_;
};

TEST_F(FaultLinks, EverythingTravelsByALinkOfItsOwn) {
  EXPECT_THAT(proxy().links(),
              testing::ElementsAre("clients/gateway-1", "gateway-1/broker-1", "gateway-1/broker-2",
                                   "worker-1/broker-1", "worker-1/broker-2", "worker-1/postgres",
                                   "worker-1/redis", "worker-2/broker-1", "worker-2/broker-2",
                                   "worker-2/postgres", "worker-2/redis"));
  expect_chat("hello", soon);
  const auto is_used = [&](const std::string& link) {
    const LinkCounters counters = proxy().counters(link);
    return counters.open > 0 && counters.of(Way::to_server).forwarded > 0 &&
           counters.of(Way::to_client).forwarded > 0;
  };
  for (const std::string& link : proxy().links()) {
    if (link.ends_with("/redis")) continue;
    EXPECT_TRUE(eventually(5s, [&] { return is_used(link); })) << link;
  }
  // A worker opens it when it first has somebody to tell.
  EXPECT_TRUE(eventually(5s, [&] {
    return is_used("worker-1/redis") || is_used("worker-2/redis");
  }));
}

TEST_F(FaultLinks, LostCommitReplyGivesOneRowAndTheSameNumber) {
  expect_chat("before", soon);
  const std::uint64_t before = matched();
  for (const std::string& link : proxy().links("/postgres")) proxy().lose_commit_reply(link, 1);
  const auto ack = alice()->send(bob().user(), "once", soon);
  ASSERT_TRUE(ack) << ack.error().detail;
  EXPECT_EQ(ack->seq, Seq{2});
  EXPECT_GE(matched(), before + 1) << "no answer was lost";
  proxy().heal_all();
  expect_chat("after", soon);
  EXPECT_THAT(stored(), testing::ElementsAre(testing::ElementsAre("1"), testing::ElementsAre("2"),
                                             testing::ElementsAre("3")));
}

// Who hears nothing gives the other up, and what he says then, or that he says no more, tells the other.
TEST_F(FaultLinks, BothEndsOfTheBusNoticeASilentDirectionAndHeal) {
  const std::vector<UserId> crowd = sign_up_crowd();
  for (const std::string process : {"gateway-1", "worker-1"}) {
    for (const Way way : both_ways) {
      SCOPED_TRACE(process + " " + name_of(way));
      const std::string link = process + "/broker-1";
      const std::uint64_t held = proxy().counters(link).of(way).held;
      const std::size_t lost = count_of("\"bus.lost\"", cluster().log(process));
      proxy().blackhole(link, std::array{way});
      for (const UserId user : crowd) EXPECT_TRUE(alice()->send(user, "meanwhile", acked_within));
      EXPECT_TRUE(eventually(noticed_within, [&] {
        return count_of("\"bus.lost\"", cluster().log(process)) > lost;
      })) << "the process notices nothing";
      EXPECT_TRUE(eventually(noticed_within, [&] { return !is_known(0, process); }))
          << "the broker notices nothing";
      EXPECT_GT(proxy().counters(link).of(way).held, held) << "nothing was held";
      expect_healed();
    }
  }
}

TEST_F(FaultLinks, BothEndsOfAClientsLinkNoticeASilentDirectionAndHeal) {
  const std::string link = proxy().links("clients/").front();
  for (const Way way : both_ways) {
    SCOPED_TRACE(name_of(way));
    const std::uint64_t held = proxy().counters(link).of(way).held;
    proxy().blackhole(link, std::array{way});
    EXPECT_TRUE(alice()->run_until(noticed_within, [&] {
      return alice()->last_state().phase != client::Phase::ready &&
             bob()->last_state().phase != client::Phase::ready;
    })) << "the clients notice nothing";
    EXPECT_TRUE(eventually(noticed_within, [&] {
      return cluster().metric("gateway-1", "parley_gateway_sessions") == 0;
    })) << "the gateway notices nothing";
    EXPECT_GT(proxy().counters(link).of(way).held, held) << "nothing was held";
    expect_healed();
  }
}

TEST_F(FaultLinks, SilentDirectionToADatabaseDelaysAndHeals) {
  for (const Way way : both_ways) {
    SCOPED_TRACE(name_of(way));
    const std::uint64_t held = held_on("/postgres", way);
    proxy().blackhole("worker-1/postgres", std::array{way});
    for (int i = 0; i < 2; ++i) expect_chat("by either worker", 12s);
    for (const std::string& link : proxy().links("/postgres"))
      proxy().blackhole(link, std::array{way});
    EXPECT_FALSE(alice()->send(bob().user(), "nobody answers it", 3s));
    EXPECT_GT(held_on("/postgres", way), held) << "nothing was held";
    expect_healed();
    EXPECT_EQ(alice()->entries().back().body, "healed") << "what was held came first";
  }
}

TEST_F(FaultLinks, NobodyWaitsForARedisThatIsSilentInOneDirection) {
  for (const Way way : both_ways) {
    SCOPED_TRACE(name_of(way));
    const std::uint64_t held = held_on("/redis", way);
    for (const std::string& link : proxy().links("/redis"))
      proxy().blackhole(link, std::array{way});
    for (int i = 0; i < 5; ++i) {
      const auto ack = alice()->send(bob().user(), "into the log", 2s);
      EXPECT_TRUE(ack) << ack.error().detail;
    }
    EXPECT_TRUE(eventually(5s, [&] { return held_on("/redis", way) > held; }))
        << "nothing was held";
    expect_healed();
    EXPECT_EQ(bob()->entries(), alice()->entries());
  }
}

TEST_F(FaultLinks, EverythingWorksInSlicesOfOneByte) {
  const std::array links{"clients/gateway-1", "gateway-1/broker-1", "gateway-1/broker-2",
                         "worker-1/broker-1", "worker-2/broker-2"};
  std::vector<LinkCounters> before;
  for (const std::string link : links) {
    proxy().set(link, both_ways, {.slice = 1});
    before.push_back(proxy().counters(link));
  }
  for (int i = 0; i < 10; ++i) expect_chat(std::to_string(i), soon);
  for (std::size_t i = 0; i < links.size(); ++i) {
    const LinkCounters after = proxy().counters(links[i]);
    for (const Way way : both_ways)
      EXPECT_EQ(after.of(way).forwarded - before[i].of(way).forwarded,
                after.of(way).writes - before[i].of(way).writes)
          << links[i];
  }
  bob().switch_off();
  const Status back = bob().come_back();
  EXPECT_TRUE(back) << back.error().detail;
  EXPECT_TRUE(cluster().wait_ready(healed_within)) << "slices alone break a link";
}

}  // namespace
}  // namespace parley::test
