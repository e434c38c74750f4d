// Requests, replies and deliveries over real sockets, nobody dying.
#include "tests/integration/bus/rig.h"

namespace parley::test {
namespace {

TEST(RequestReply, EveryRequestIsAnsweredOnceWithItsBody) {
  Rig rig;
  const auto broker = rig.start_broker("b1");
  EchoWorker worker(rig.loop, rig.metrics, "worker-1", {rig.worker_endpoint("b1")}, 64);
  Asker gateway(rig.loop, rig.metrics, "gateway-1", {rig.gateway_endpoint("b1")});
  // Before anybody is connected: they wait for the registration.
  for (std::uint64_t i = 0; i < 5'000; ++i) gateway.ask(i % 100, std::to_string(i));

  ASSERT_TRUE(run_until(rig.loop, 20s, [&] { return gateway.publisher.pending() == 0; }));
  EXPECT_EQ(gateway.answers.size(), 5'000U);
  for (const auto& [number, times] : gateway.answers) EXPECT_EQ(times, 1) << number;
  for (const auto& [number, body] : gateway.bodies) EXPECT_EQ(body, std::to_string(number - 1));
  EXPECT_TRUE(gateway.errors.empty());
}

TEST(RequestReply, DeliveriesReachTheirGatewayOrComeBack) {
  Rig rig;
  const auto broker = rig.start_broker("b1");
  EchoWorker worker(rig.loop, rig.metrics, "worker-1", {rig.worker_endpoint("b1")});
  Asker one(rig.loop, rig.metrics, "gateway-1", {rig.gateway_endpoint("b1")});
  Asker two(rig.loop, rig.metrics, "gateway-2", {rig.gateway_endpoint("b1")});
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] {
    return worker.consumer.healthy() && one.publisher.healthy() && two.publisher.healthy();
  }));

  worker.consumer.deliver(instance_id("gateway-1"), 7, "for one");
  worker.consumer.deliver(InstanceId{}, 7, "for all");
  worker.consumer.deliver(instance_id("nobody"), 7, "for nobody");
  ASSERT_TRUE(run_until(rig.loop, 5s, [&] {
    return one.deliveries.size() == 2 && two.deliveries.size() == 1 &&
           worker.unreachable.size() == 1;
  }));
  EXPECT_EQ(one.deliveries, (std::vector<std::string>{"for one", "for all"}));
  EXPECT_EQ(two.deliveries, (std::vector<std::string>{"for all"}));
  EXPECT_EQ(worker.unreachable[0].first, instance_id("nobody"));
  EXPECT_EQ(worker.unreachable[0].second, "for nobody");
}

TEST(RequestReply, AnAnnouncementReachesAGatewayThatOneBrokerDoesNotKnow) {
  Rig rig;
  const auto first = rig.start_broker("b1");
  const auto second = rig.start_broker("b2");
  EchoWorker worker(rig.loop, rig.metrics, "worker-1",
                    {rig.worker_endpoint("b1"), rig.worker_endpoint("b2")});
  Asker at_first(rig.loop, rig.metrics, "gateway-1", {rig.gateway_endpoint("b1")});
  Asker at_second(rig.loop, rig.metrics, "gateway-2", {rig.gateway_endpoint("b2")});
  // One by one until the worker is registered at both; each has the same key.
  EXPECT_TRUE(run_until(rig.loop, 5s, [&] {
    worker.consumer.announce("for all");
    return !at_first.deliveries.empty() && !at_second.deliveries.empty();
  })) << at_first.deliveries.size() << " and " << at_second.deliveries.size();
}

}  // namespace
}  // namespace parley::test
