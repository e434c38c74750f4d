#include "bus/status_metrics.h"

#include <gmock/gmock.h>

namespace parley {
namespace {

using testing::HasSubstr;

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

TEST(StatusMetrics, ServiceThatIsForgottenAndComesBackCountsOn) {
  Metrics metrics;
  StatusMetrics shown(metrics);
  shown.update(status({service("app.payroll", 100)}));
  shown.update({});
  EXPECT_THAT(metrics.text(),
              HasSubstr("parley_broker_service_workers{service=\"app.payroll\"} 0\n"));
  shown.update(status({service("app.payroll", 5)}));
  EXPECT_THAT(metrics.text(),
              HasSubstr("parley_broker_service_requests_total{service=\"app.payroll\"} 105\n"));
}

}  // namespace
}  // namespace parley
