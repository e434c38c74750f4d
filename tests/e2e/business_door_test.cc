// `parley up --business`: brokers that can be reached over tcp by whoever `parley key allow` has let in.
#include <gmock/gmock.h>

#include "bus/admin_client.h"
#include "bus/business_peer.h"
#include "tests/support/cluster.h"
#include "tests/support/eventually.h"

namespace parley::test {
namespace {

TEST(BusinessDoor, OpensForListedKeysAndShutsWhenTheyAreRevoked) {
  Cluster cluster({.brokers = 2, .workers = 1, .business = true});
  ASSERT_TRUE(cluster.ready());
  ASSERT_EQ(cluster.business_endpoints().size(), 2U);
  const auto endpoints = [&](const std::string& key_file) {
    return *load_bus_endpoints({.brokers = cluster.business_endpoints(), .key_file = key_file});
  };
  const std::string operators = cluster.allow("admin", "operator");
  for (const auto& status : ask_status(endpoints(operators), 5s)) {
    ASSERT_TRUE(status) << status.error().detail;
    EXPECT_EQ(status->peers_size(), 2) << "worker and gateway are there over unix sockets";
  }
  cluster.revoke(operators);
  for (const auto& status : ask_status(endpoints(operators), 500ms)) EXPECT_FALSE(status);
}

TEST(BusinessDoor, LetsABusinessSystemRegisterEverywhere) {
  Cluster cluster({.brokers = 2, .workers = 1, .business = true});
  ASSERT_TRUE(cluster.ready());
  const std::string key = cluster.allow("business", "crm");
  Loop loop;
  Metrics metrics;
  BusinessPeer peer(loop,
                    {.instance = "crm",
                     .brokers = *load_bus_endpoints(
                         {.brokers = cluster.business_endpoints(), .key_file = key})},
                    metrics);
  int connected = 0;
  peer.when_connected([&] { ++connected; });
  peer.start();
  const Instant deadline = monotonic_now() + 10s;
  Timer watch(loop, [&] {
    if (connected == 2 || monotonic_now() > deadline) loop.stop();
  });
  watch.every(5ms);
  loop.run();
  EXPECT_EQ(connected, 2);
}

}  // namespace
}  // namespace parley::test
