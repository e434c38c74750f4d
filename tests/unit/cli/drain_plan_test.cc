#include "cli/drain_plan.h"

#include <gmock/gmock.h>

#include "tests/unit/cli/sample_status.h"

namespace parley::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Two workers of c2c, one of them also of login; two gateways.
wire::BrokerStatus usual(const std::string& name) {
  wire::BrokerStatus status = broker_status(name, 7);
  add_worker(status, "worker-1", {"c2c", "login"});
  add_worker(status, "worker-2", {"c2c"});
  add_peer(status, "gateway-1", wire::PEER_ROLE_GATEWAY);
  add_peer(status, "gateway-2", wire::PEER_ROLE_GATEWAY);
  return status;
}

std::vector<std::string> brokers(const DrainPlan& plan) {
  std::vector<std::string> names;
  for (const auto& at : plan.at) names.push_back(at.broker);
  return names;
}

TEST(DrainPlan, AsksEveryBrokerThatKnowsHim) {
  wire::BrokerStatus third = usual("three");
  third.mutable_peers(1)->set_name("somebody");
  const auto plan = plan_drain(
      {answer_of(usual("one")), silent("two"), answer_of(third), answer_of(usual("four"))},
      "worker-2");
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->kind, DrainPlan::Kind::peer);
  EXPECT_THAT(brokers(*plan), ElementsAre("one", "four"));
  EXPECT_EQ(plan->at[1].place, 3u);
  EXPECT_THAT(plan->last_of, IsEmpty());
}

TEST(DrainPlan, OfSomebodyUnknownIsRefused) {
  const auto plan = plan_drain({answer_of(usual("one"))}, "worker-9");
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, Errc::not_found);
}

TEST(DrainPlan, KnowsTheLastWorkerOfAService) {
  const auto plan = plan_drain({answer_of(usual("one")), answer_of(usual("two"))}, "worker-1");
  ASSERT_TRUE(plan);
  EXPECT_THAT(plan->last_of, ElementsAre("service login")) << "named once";
}

TEST(DrainPlan, DoesNotCountOnWhoIsLeaving) {
  wire::BrokerStatus status = usual("one");
  status.mutable_peers(0)->set_draining(true);
  EXPECT_THAT(plan_drain({answer_of(status)}, "worker-2")->last_of, ElementsAre("service c2c"));
}

TEST(DrainPlan, IsCarefulIfOneBrokerWouldHaveNobodyLeft) {
  wire::BrokerStatus half = usual("two");
  half.mutable_peers()->DeleteSubrange(0, 1);
  EXPECT_THAT(plan_drain({answer_of(usual("one")), answer_of(half)}, "worker-2")->last_of,
              ElementsAre("service c2c"));
}

TEST(DrainPlan, KnowsTheLastGateway) {
  wire::BrokerStatus status = usual("one");
  EXPECT_THAT(plan_drain({answer_of(status)}, "gateway-1")->last_of, IsEmpty());
  status.mutable_peers()->RemoveLast();
  EXPECT_THAT(plan_drain({answer_of(status)}, "gateway-1")->last_of, ElementsAre("gateways"));
}

TEST(DrainPlan, TakesABrokerByItsName) {
  const auto plan = plan_drain({answer_of(usual("one")), answer_of(usual("two"))}, "two");
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->kind, DrainPlan::Kind::broker);
  EXPECT_THAT(brokers(*plan), ElementsAre("two"));
  EXPECT_THAT(plan->last_of, IsEmpty());
  EXPECT_THAT(plan_drain({silent("one"), answer_of(usual("two"))}, "two")->last_of,
              ElementsAre("brokers"));
}

TEST(StillThere, UntilThatLifeHasEnded) {
  const std::vector<BrokerAnswer> before{answer_of(usual("one")), answer_of(usual("two"))};
  const auto plan = plan_drain(before, "worker-1");
  EXPECT_THAT(still_there(*plan, "worker-1", before), ElementsAre("one", "two"));
  wire::BrokerStatus gone = usual("one");
  gone.mutable_peers()->DeleteSubrange(0, 1);
  wire::BrokerStatus again = usual("two");
  again.mutable_peers(0)->set_boot(99);
  EXPECT_THAT(still_there(*plan, "worker-1", {answer_of(gone), before[1]}), ElementsAre("two"));
  EXPECT_THAT(still_there(*plan, "worker-1", {answer_of(gone), answer_of(again)}), IsEmpty());
}

TEST(StillThere, BrokerHasEndedWhenItIsSilentOrAnother) {
  const std::vector<BrokerAnswer> before{answer_of(usual("one")), answer_of(usual("two"))};
  const auto plan = plan_drain(before, "two");
  EXPECT_THAT(still_there(*plan, "two", {before[1]}), ElementsAre("two"));
  EXPECT_THAT(still_there(*plan, "two", {silent("two")}), IsEmpty());
  EXPECT_THAT(still_there(*plan, "two", {answer_of(broker_status("two", 8))}), IsEmpty());
}

TEST(IsBack, WhenHisNextLifeIsRegisteredWhereHeWas) {
  const std::vector<BrokerAnswer> before{answer_of(usual("one")), answer_of(usual("two"))};
  const auto plan = plan_drain(before, "worker-1");
  wire::BrokerStatus first = usual("one"), second = usual("two");
  first.mutable_peers(0)->set_boot(99);
  EXPECT_FALSE(is_back(*plan, "worker-1", {answer_of(first), before[1]}));
  second.mutable_peers()->DeleteSubrange(0, 1);
  EXPECT_FALSE(is_back(*plan, "worker-1", {answer_of(first), answer_of(second)}));
  EXPECT_FALSE(is_back(*plan, "worker-1", {answer_of(first), silent("two")}));
  EXPECT_TRUE(is_back(*plan, "worker-1", {answer_of(first), answer_of(first)}));
}

TEST(IsBack, BrokerWhenAllItsPeersHaveFoundIt) {
  const auto plan = plan_drain({answer_of(usual("one")), answer_of(usual("two"))}, "two");
  EXPECT_FALSE(is_back(*plan, "two", {answer_of(usual("two"))})) << "it has not even left";
  EXPECT_FALSE(is_back(*plan, "two", {silent("two")}));
  wire::BrokerStatus again = usual("two");
  again.set_boot(8);
  EXPECT_TRUE(is_back(*plan, "two", {answer_of(again)}));
  again.mutable_peers()->RemoveLast();
  EXPECT_FALSE(is_back(*plan, "two", {answer_of(again)}));
}

}  // namespace
}  // namespace parley::test
