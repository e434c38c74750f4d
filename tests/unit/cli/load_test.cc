#include "cli/load.h"

#include <gmock/gmock.h>

#include "tests/unit/cli/sample_status.h"

namespace parley::test {
namespace {

using testing::ElementsAre;

wire::BrokerStatus counted(const std::string& broker, std::uint64_t requests,
                           std::uint64_t boot = 1) {
  wire::BrokerStatus status = broker_status(broker, boot);
  auto& service = add_service(status, "c2c", 2);
  service.set_requests(requests);
  service.set_answered(requests / 2);
  service.set_queued(5);
  auto& worker = add_worker(status, "worker-1");
  worker.set_requests(requests);
  worker.set_outstanding_messages(3);
  worker.set_credit_messages(100);
  return status;
}

template <typename Line>
std::vector<std::string> names(const std::vector<Line>& lines) {
  std::vector<std::string> names;
  for (const Line& line : lines) names.push_back(line.name);
  return names;
}

TEST(Load, IsTheDifferenceOverTimeAddedUpOverBrokers) {
  const Sample before =
      sample_at(10, {answer_of(counted("one", 100)), answer_of(counted("two", 50))});
  const Sample now =
      sample_at(12, {answer_of(counted("one", 140)), answer_of(counted("two", 60))});
  const Load load = load_between(before, now);
  ASSERT_THAT(names(load.services), ElementsAre("c2c"));
  EXPECT_DOUBLE_EQ(load.services[0].requests, 25);
  EXPECT_DOUBLE_EQ(load.services[0].answers, 12.5);
  EXPECT_EQ(load.services[0].queued, 10u);
  EXPECT_EQ(load.services[0].workers, 2u) << "the same workers are at both brokers";
  ASSERT_THAT(names(load.peers), ElementsAre("worker-1"));
  EXPECT_DOUBLE_EQ(load.peers[0].requests, 25);
  EXPECT_EQ(load.peers[0].outstanding, 6u);
  EXPECT_EQ(load.peers[0].credit, 200u);
}

TEST(Load, OfABrokerThatWasStartedAgainCountsFromItsStart) {
  const Sample before = sample_at(0, {answer_of(counted("one", 1'000, 1))});
  const Sample now = sample_at(2, {answer_of(counted("one", 40, 2))});
  const Load load = load_between(before, now);
  EXPECT_DOUBLE_EQ(load.services[0].requests, 20);
  EXPECT_DOUBLE_EQ(load.peers[0].requests, 20);
}

TEST(Load, OfAPeerThatWasStartedAgainCountsFromItsStart) {
  const Sample before = sample_at(0, {answer_of(counted("one", 1'000))});
  wire::BrokerStatus later = counted("one", 1'040);
  later.mutable_peers(0)->set_boot(2);
  later.mutable_peers(0)->set_requests(30);
  const Load load = load_between(before, sample_at(2, {answer_of(later)}));
  EXPECT_DOUBLE_EQ(load.services[0].requests, 20);
  EXPECT_DOUBLE_EQ(load.peers[0].requests, 15);
}

TEST(Load, OfABrokerThatWasSilentIsNotKnownYet) {
  const Load load = load_between(sample_at(0, {silent("one")}),
                                 sample_at(1, {answer_of(counted("one", 1'000))}));
  EXPECT_DOUBLE_EQ(load.services[0].requests, 0);
  EXPECT_EQ(load.services[0].queued, 5u);
}

TEST(Load, HasTheBusiestFirst) {
  const auto busy = [](std::uint64_t login, std::uint64_t c2c) {
    wire::BrokerStatus status = broker_status("one");
    add_service(status, "app.a");
    add_service(status, "login").set_requests(login);
    add_service(status, "c2c").set_requests(c2c);
    add_worker(status, "worker-1").set_requests(login);
    add_worker(status, "worker-2").set_requests(c2c);
    add_peer(status, "gateway-1", wire::PEER_ROLE_GATEWAY).set_deliveries(c2c + login);
    return answer_of(status);
  };
  const Load load = load_between(sample_at(0, {busy(0, 0)}), sample_at(1, {busy(5, 50)}));
  EXPECT_THAT(names(load.services), ElementsAre("c2c", "login", "app.a"));
  EXPECT_THAT(names(load.peers), ElementsAre("gateway-1", "worker-2", "worker-1"));
}

}  // namespace
}  // namespace parley::test
