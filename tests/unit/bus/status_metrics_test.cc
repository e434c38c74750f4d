#include "bus/status_metrics.h"

#include <gmock/gmock.h>

#include <algorithm>

namespace parley {
namespace {

using testing::HasSubstr;
using testing::Not;

wire::BrokerStatus::Service service(const std::string& name, std::uint64_t requests,
                                    unsigned workers = 2) {
  wire::BrokerStatus::Service service;
  service.set_name(name);
  service.set_requests(requests);
  service.set_workers(workers);
  service.set_queued(7);
  service.set_credit_exhausted(requests / 2);
  return service;
}

wire::BrokerStatus status(const std::vector<wire::BrokerStatus::Service>& services) {
  wire::BrokerStatus status;
  for (const auto& one : services) *status.add_services() = one;
  return status;
}

TEST(StatusMetrics, ShowEachService) {
  Metrics metrics;
  StatusMetrics shown(metrics);
  shown.update(status({service("c2c", 10), service("app.payroll", 4, 1)}));
  shown.update(status({service("c2c", 30), service("app.payroll", 4, 1)}));
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("parley_broker_service_requests_total{service=\"c2c\"} 30\n"));
  EXPECT_THAT(text,
              HasSubstr("parley_broker_service_credit_exhausted_total{service=\"c2c\"} 15\n"));
  EXPECT_THAT(text, HasSubstr("parley_broker_service_waiting{service=\"c2c\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("parley_broker_service_workers{service=\"app.payroll\"} 1\n"));
}

TEST(StatusMetrics, ShowPoisonAndWaitingDeliveries) {
  Metrics metrics;
  StatusMetrics shown(metrics);
  wire::BrokerStatus some;
  some.set_parked(3);
  some.add_peers()->set_deliveries_waiting(40);
  some.add_peers()->set_deliveries_waiting(2);
  shown.update(some);
  EXPECT_THAT(metrics.text(), HasSubstr("parley_broker_poison 3\n"));
  EXPECT_THAT(metrics.text(), HasSubstr("parley_broker_deliveries_waiting 42\n"));
  shown.update({});
  EXPECT_THAT(metrics.text(), HasSubstr("parley_broker_poison 0\n"));
}

TEST(StatusMetrics, ServiceThatIsForgottenAndComesBackIsCountedAnew) {
  Metrics metrics;
  StatusMetrics shown(metrics);
  shown.update(status({service("app.payroll", 100)}));
  shown.update({});
  EXPECT_THAT(metrics.text(), Not(HasSubstr("app.payroll")));
  shown.update(status({service("app.payroll", 5)}));
  EXPECT_THAT(metrics.text(),
              HasSubstr("parley_broker_service_requests_total{service=\"app.payroll\"} 5\n"));
}

TEST(StatusMetrics, ServiceThatIsForgottenAndComesBackUnnoticedCountsOn) {
  Metrics metrics;
  StatusMetrics shown(metrics);
  shown.update(status({service("app.payroll", 100)}));
  shown.update(status({service("app.payroll", 5)}));
  EXPECT_THAT(metrics.text(),
              HasSubstr("parley_broker_service_requests_total{service=\"app.payroll\"} 105\n"));
}

TEST(StatusMetrics, AppsThatComeAndGoLeaveNothing) {
  Metrics metrics;
  StatusMetrics shown(metrics);
  shown.update(status({service("c2c", 10), service("app.0", 1)}));
  const auto lines = [&] { return std::ranges::count(metrics.text(), '\n'); };
  const auto before = lines();
  for (int i = 1; i <= 1'000; ++i)
    shown.update(status({service("c2c", 10), service("app." + std::to_string(i), 1)}));
  EXPECT_EQ(lines(), before);
  EXPECT_THAT(metrics.text(), HasSubstr("{service=\"app.1000\"}"));
  EXPECT_THAT(metrics.text(),
              HasSubstr("parley_broker_service_requests_total{service=\"c2c\"} 10\n"));
}

}  // namespace
}  // namespace parley
