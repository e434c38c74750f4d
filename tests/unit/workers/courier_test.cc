#include "workers/courier.h"

#include "proto/delivery.h"
#include "tests/support/refill.h"
#include "tests/unit/workers/bench.h"

namespace parley::test {
namespace {

constexpr InstanceId north{1};
constexpr InstanceId south{2};
constexpr UserId ann{10};
constexpr UserId bob{20};

struct CourierAtWork : testing::Test {
  Bench bench;
  Metrics metrics;
  std::optional<Courier> courier;
  std::vector<Answered> answers;
  std::vector<PackedDelivery> messages;

  void SetUp() override { hire(1); }
  void hire(std::size_t brokers) {
    const std::vector<std::string> names{"route"};
    courier.emplace(
        bench.routes,
        ServiceSet(make_services(*services_named(names),
                                 {bench.log, bench.users, bench.routes, bench.events,
                                  bench.hasher, {}}),
                   metrics),
        brokers, metrics);
  }
  void fill_routes() {
    ASSERT_TRUE(refill(bench.routes));
    ASSERT_TRUE(bench.routes.add(north, std::vector{ann}));
    ASSERT_TRUE(bench.routes.add(south, std::vector{bob}));
  }
  void work(std::vector<CourierTask> tasks) {
    answers.clear();
    messages.clear();
    courier->work(tasks, bench.moment, [&](CourierResult result) {
      std::ranges::move(result.answers, std::back_inserter(answers));
      std::ranges::move(result.messages, std::back_inserter(messages));
    });
  }
  static std::vector<Delivery> message(const std::string& body) {
    return {Delivery{
        .notice = Notice::c2c_message, .key = 1, .target = 1, .users = {ann, bob}, .body = body}};
  }
  std::size_t questions() const {
    std::size_t count = 0;
    for (const PackedDelivery& packed : messages) {
      const auto items = decode_deliveries(packed.items);
      for (const DeliveryItem& item : *items)
        count += item.notice == static_cast<std::uint16_t>(Notice::route_report_wanted);
    }
    return count;
  }
  std::vector<InstanceId> gateways() const {
    std::vector<InstanceId> all;
    for (const PackedDelivery& packed : messages) all.push_back(packed.gateway);
    return all;
  }
};

TEST_F(CourierAtWork, BringsABatchToTheGatewaysOfItsUsers) {
  fill_routes();
  work({message("a"), message("b")});
  EXPECT_EQ(gateways(), (std::vector{north, south}));
  EXPECT_EQ(decode_deliveries(messages[0].items)->size(), 2u);
  EXPECT_EQ(questions(), 0u);
}

Answered login_of(UserId user, InstanceId gateway) {
  Answered answered;
  answered.request.header.id.gateway = gateway;
  answered.header.user = user;
  answered.header.flags = flag_binds_session;
  return answered;
}

TEST_F(CourierAtWork, ALoginIsAnsweredWhenItsGatewayIsARoute) {
  ASSERT_TRUE(refill(bench.routes));
  work({Arrivals{{login_of(ann, north), login_of(bob, south)}}, message("sent right after")});
  EXPECT_EQ(answers.size(), 2u);
  EXPECT_EQ(gateways(), (std::vector{north, south}));
}

TEST_F(CourierAtWork, ALoginIsAnsweredWithoutTheCacheToo) {
  bench.database->set_faults({.fail_calls = 1});
  work({Arrivals{{login_of(ann, north)}}});
  EXPECT_EQ(answers.size(), 1u);
}

TEST_F(CourierAtWork, WhileTheCacheIsAwayEveryGatewayGetsEverything) {
  fill_routes();
  bench.database->set_faults({.fail_calls = 1});
  work({message("a")});
  EXPECT_EQ(gateways(), std::vector{every_gateway});
  EXPECT_EQ(questions(), 0u) << "nobody could store what gateways would report";
  bench.pass(1s);
  work({message("b")});
  EXPECT_EQ(questions(), 1u) << "what changed meanwhile is unknown";
  bench.pass(1s);
  work({message("c")});
  EXPECT_EQ(gateways(), (std::vector{north, south}));
}

TEST_F(CourierAtWork, AnEmptiedCacheIsRefilledAndMeanwhileNobodyMissesAnything) {
  fill_routes();
  bench.database->forget_routes();
  work({message("a")});
  EXPECT_EQ(questions(), 1u);
  EXPECT_EQ(messages.back().gateway, every_gateway);
  ASSERT_TRUE(bench.routes.add(north, std::vector{ann}));  // the first report arrives
  bench.pass(2s);
  work({message("b")});
  EXPECT_EQ(questions(), 1u) << "the first may be lost";
  EXPECT_EQ(messages.back().gateway, every_gateway) << "the second report may be on its way";
  ASSERT_TRUE(bench.routes.add(south, std::vector{bob}));
  bench.pass(1s);
  work({message("c")});
  EXPECT_EQ(gateways(), std::vector{every_gateway});
  work({message("d")});
  EXPECT_EQ(gateways(), (std::vector{north, south}));
}

TEST_F(CourierAtWork, AnUnreachableGatewayIsForgottenForThoseUsers) {
  fill_routes();
  work({message("a")});
  const PackedDelivery to_north = messages.at(0);
  work({Unreachable{north, to_north.items}, message("b")});
  EXPECT_EQ(gateways(), (std::vector{north, south}));
  EXPECT_EQ(decode_deliveries(messages.at(0).items)->at(0).notice,
            static_cast<std::uint16_t>(Notice::route_report_wanted))
      << "the broker may have been restarted, and know it by now";
  EXPECT_EQ(questions(), 1u);
}

TEST_F(CourierAtWork, NoRouteIsRemovedWithoutAskingItsGatewayAfterwards) {
  fill_routes();
  ASSERT_TRUE(bench.routes.add(north, std::vector{bob}));
  const auto unreachable = [](UserId user) {
    std::string items;
    DeliveryItem item;
    item.notice = static_cast<std::uint16_t>(Notice::c2c_message);
    item.users = {user};
    append_delivery(item, items);
    return Unreachable{north, items};
  };
  const auto routes_of = [&](UserId user) {
    return bench.routes.lookup(std::vector{user})->gateways.at(0);
  };
  work({unreachable(ann)});
  EXPECT_EQ(questions(), 1u);
  work({unreachable(bob)});
  EXPECT_EQ(questions(), 0u) << "asked within this second";
  EXPECT_EQ(routes_of(bob), (std::vector{north, south})) << "it stays as long as nobody is asked";
  bench.pass(1s);
  work({unreachable(ann)});
  EXPECT_EQ(questions(), 1u);
  EXPECT_EQ(routes_of(bob), std::vector{south}) << "removed with the next question";
}

TEST_F(CourierAtWork, WithSeveralBrokersAnUnreachableGatewayIsAskedEveryWayOncePerSecond) {
  hire(2);
  fill_routes();
  work({message("a")});
  const PackedDelivery to_north = messages.at(0);
  work({Unreachable{north, to_north.items}});
  EXPECT_EQ(questions(), lane_count(2));
  for (const InstanceId gateway : gateways()) EXPECT_EQ(gateway, north);
  const PackedDelivery question = messages.at(0);
  work({Unreachable{north, question.items}});
  EXPECT_EQ(questions(), 0u) << "an unreachable question asks nothing";
  work({Unreachable{north, to_north.items}});
  EXPECT_EQ(questions(), 0u);
  bench.pass(1s);
  work({Unreachable{north, to_north.items}});
  EXPECT_EQ(questions(), lane_count(2));
}

TEST_F(CourierAtWork, SurvivesNonsenseFromTheBus) {
  fill_routes();
  work({Unreachable{north, "no items at all, only some words that are long enough"}});
  work({message("a")});
  EXPECT_EQ(gateways(), (std::vector{north, south}));
}

TEST_F(CourierAtWork, AReportIsSeenByTheDeliveriesOfItsBatch) {
  fill_routes();
  wire::RouteReport report;
  report.add_present(ann.value);
  Job job{Bench::request(Verb::route_report, {{}, 0, report.SerializeAsString()}),
          bench.moment.now};
  work({message("a"), job});
  EXPECT_EQ(gateways(), (std::vector{north, south, InstanceId{99}}));
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].header.error, 0);
}

TEST_F(CourierAtWork, NoticesToAllGatewaysNeedNoCache) {
  bench.database->set_faults({.fail_calls = 9});
  Delivery replaced{
      .notice = Notice::login_replaced, .reach = Reach::every_gateway, .users = {ann}};
  work({std::vector{replaced}});
  EXPECT_EQ(gateways(), std::vector{every_gateway});
  EXPECT_EQ(bench.database->faults.fail_calls, 9u);
}

}  // namespace
}  // namespace parley::test
