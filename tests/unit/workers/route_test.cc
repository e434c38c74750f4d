#include "tests/unit/workers/bench.h"

namespace parley::test {
namespace {

struct Route : testing::Test {
  Bench bench;

  Result<wire::RouteReportReply> report(std::vector<std::uint64_t> present,
                                        std::vector<std::uint64_t> gone, UserId caller = {}) {
    wire::RouteReport message;
    for (const auto user : present) message.add_present(user);
    for (const auto user : gone) message.add_gone(user);
    return bench.ask<wire::RouteReportReply>(Verb::route_report, {.user = caller}, 0, message);
  }
  std::vector<InstanceId> gateways_of(std::uint64_t user) {
    const UserId users[] = {UserId{user}};
    return bench.routes.lookup(users)->gateways[0];
  }
};

TEST_F(Route, AReportIsWhereTheGatewayIsFoundAfterwards) {
  ASSERT_TRUE(report({1, 2}, {}));
  EXPECT_EQ(gateways_of(1), std::vector{InstanceId{99}});
  EXPECT_EQ(gateways_of(2), std::vector{InstanceId{99}});
  ASSERT_TRUE(report({}, {1}));
  EXPECT_TRUE(gateways_of(1).empty());
}

TEST_F(Route, AUserInBothListsIsThere) {
  ASSERT_TRUE(report({1}, {1}));
  EXPECT_FALSE(gateways_of(1).empty());
}

TEST_F(Route, ClientsCannotReport) {
  EXPECT_EQ(code_of(report({1}, {}, UserId{5})), Errc::unsupported);
}

TEST_F(Route, NonsenseIsRefusedWhole) {
  EXPECT_EQ(code_of(report({1, 0}, {})), Errc::bad_request);
  EXPECT_EQ(code_of(report({1}, {~0ULL})), Errc::bad_request);
  EXPECT_TRUE(gateways_of(1).empty());
}

TEST_F(Route, ACacheThatIsAwayMakesTheGatewayTryAgain) {
  bench.database->set_faults({.fail_calls = 1});
  EXPECT_EQ(code_of(report({1}, {})), Errc::retry_later);
}

}  // namespace
}  // namespace parley::test
