#include "cli/top_report.h"

#include <gmock/gmock.h>

#include <sstream>

#include "cli/troubles.h"
#include "tests/unit/cli/sample_status.h"

namespace parley::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

wire::BrokerStatus healthy(const std::string& name = "broker-1") {
  wire::BrokerStatus status = broker_status(name);
  add_service(status, "c2c");
  add_worker(status, "worker-1");
  add_peer(status, "gateway-1", wire::PEER_ROLE_GATEWAY);
  return status;
}

// What is wrong a second after everything was well.
std::vector<std::string> wrong(const std::vector<BrokerAnswer>& answers) {
  std::vector<BrokerAnswer> before;
  for (const BrokerAnswer& answer : answers)
    before.push_back(answer_of(healthy(answer.endpoint.substr(sizeof "ipc:///" - 1))));
  return troubles(sample_at(0, before), sample_at(1, answers));
}

TEST(Troubles, ThereAreNoneWhenAllIsWell) {
  EXPECT_THAT(wrong({answer_of(healthy()), answer_of(healthy("broker-2"))}), IsEmpty());
}

TEST(Troubles, BrokerThatDoesNotAnswer) {
  EXPECT_THAT(wrong({answer_of(healthy()), silent("broker-2")}),
              ElementsAre("ipc:///broker-2 does not answer"));
}

TEST(Troubles, ServiceWithoutAWorker) {
  wire::BrokerStatus status = healthy();
  auto& login = add_service(status, "login", 0);
  login.set_queued(1);
  EXPECT_THAT(wrong({answer_of(status)}),
              ElementsAre("login: no worker at broker-1, 1 request waiting"));
}

TEST(Troubles, Poison) {
  wire::BrokerStatus status = healthy();
  status.set_parked(2);
  EXPECT_THAT(
      wrong({answer_of(status)}),
      ElementsAre("2 requests set aside as poison at broker-1: `parley poison list`"));
}

TEST(Troubles, QueueThatGrows) {
  wire::BrokerStatus status = healthy();
  status.mutable_services(0)->set_queued(100);
  status.mutable_services(0)->set_queued_bytes(5'000);
  EXPECT_THAT(wrong({answer_of(status)}),
              ElementsAre("c2c: the queue grows, 100 requests (5000 B) wait"));
  wire::BrokerStatus longer = status;
  longer.mutable_services(0)->set_queued(200);
  EXPECT_THAT(troubles(sample_at(0, {answer_of(longer)}), sample_at(1, {answer_of(status)})),
              IsEmpty())
      << "it shrinks";
}

TEST(Troubles, OverloadInAllItsForms) {
  wire::BrokerStatus status = healthy();
  auto& service = *status.mutable_services(0);
  service.set_busy(3);
  service.set_credit_exhausted(20);
  service.set_redelivered(1);
  EXPECT_THAT(wrong({answer_of(status)}),
              ElementsAre("c2c: the queue is full, 3.0/s are refused",
                          "c2c: workers' credit is exhausted, 20/s had to wait",
                          "c2c: 1.0/s were taken from a worker and given to another"));
}

TEST(Troubles, GatewayThatDoesNotKeepUp) {
  wire::BrokerStatus status = healthy();
  auto& gateway = *status.mutable_peers(1);
  gateway.set_deliveries_waiting(40);
  EXPECT_THAT(wrong({answer_of(status)}),
              ElementsAre("gateway-1 is slow: 40 deliveries wait for its credit"));
  gateway.set_deliveries_dropped(7);
  EXPECT_THAT(wrong({answer_of(status)}),
              ElementsAre("gateway-1 is too slow: 7.0 deliveries/s are dropped"));
}

TEST(Troubles, SilenceDrainAndWhoIsNotEverywhere) {
  wire::BrokerStatus first = healthy();
  first.mutable_peers(0)->set_silent_ms(1'200);
  first.mutable_peers(1)->set_draining(true);
  add_worker(first, "worker-2");
  EXPECT_THAT(wrong({answer_of(first), answer_of(healthy("broker-2"))}),
              ElementsAre("worker-1 has been silent for 1200 ms",
                          "worker-2 is registered with 1 of 2 brokers", "gateway-1 is draining"));
}

TEST(TopReport, SaysWhatIsWrongFirst) {
  wire::BrokerStatus status = healthy();
  status.mutable_services(0)->set_requests(1'500);
  status.set_parked(1);
  const std::string report =
      top_report(sample_at(0, {answer_of(healthy())}), sample_at(1, {answer_of(status)}), 0);
  std::istringstream lines(report);
  std::string first, second;
  std::getline(lines, first);
  std::getline(lines, second);
  EXPECT_EQ(first,
            "1 broker, 1 gateway, 1 worker; 1500 requests/s, 0.0 answers/s, 0.0 deliveries/s; "
            "0 waiting");
  EXPECT_THAT(second, HasSubstr("! 1 request set aside as poison"));
  EXPECT_THAT(report, HasSubstr("worker-1"));
  EXPECT_THAT(report, testing::Not(HasSubstr("\x1b")));
}

TEST(TopReport, SaysThatNothingIsWrong) {
  const Sample sample = sample_at(0, {answer_of(healthy())});
  EXPECT_THAT(top_report(sample, sample, 0), HasSubstr("\nnothing is wrong\n"));
}

TEST(TopReport, FitsTheTerminal) {
  wire::BrokerStatus status = healthy();
  for (int i = 0; i < 50; ++i) add_worker(status, "worker-" + std::to_string(100 + i));
  const Sample sample = sample_at(0, {answer_of(status)});
  const std::string report = top_report(sample, sample, 20);
  EXPECT_EQ(std::ranges::count(report, '\n'), 20);
  EXPECT_THAT(report, testing::EndsWith("… 40 lines more\n"));
}

}  // namespace
}  // namespace parley::test
