#include "bus/status_metrics.h"

#include <algorithm>

namespace parley {
namespace {

Gauge gauge(Metrics& metrics, const char* what, const char* help, const std::string& service) {
  return metrics.gauge(std::string("parley_broker_service_") + what, help, {{"service", service}});
}

CounterFeed counter(Metrics& metrics, const char* what, const char* help,
                    const std::string& service) {
  return CounterFeed(metrics, std::string("parley_broker_service_") + what + "_total", help,
                     {{"service", service}});
}

}  // namespace

StatusMetrics::OfService::OfService(Metrics& m, const std::string& name)
    : workers(gauge(m, "workers", "who offers it", name)),
      waiting(gauge(m, "waiting", "requests without a worker, or waiting for its credit", name)),
      retry_hint(gauge(m, "retry_hint_ms", "what who is refused is told", name)),
      requests(counter(m, "requests", "requests accepted", name)),
      answered(counter(m, "answered", "requests answered by a worker", name)),
      busy(counter(m, "busy", "requests refused because the queue was full", name)),
      credit_exhausted(counter(m, "credit_exhausted", "requests that waited for credit", name)),
      redelivered(counter(m, "redelivered", "requests given to another worker", name)),
      poisoned(counter(m, "poisoned", "requests set aside as poison", name)) {}

void StatusMetrics::OfService::remove_from(Metrics& metrics) const {
  for (const Gauge& one : {workers, waiting, retry_hint}) metrics.remove(one);
  for (const CounterFeed& one :
       {requests, answered, busy, credit_exhausted, redelivered, poisoned})
    metrics.remove(one.counter());
}

StatusMetrics::StatusMetrics(Metrics& metrics)
    : metrics_(metrics),
      poison_(metrics.gauge("parley_broker_poison",
                            "requests that are set aside until an operator deals with them")),
      deliveries_waiting_(metrics.gauge("parley_broker_deliveries_waiting",
                                        "deliveries that wait for their receiver's credit")) {}

void StatusMetrics::update(const wire::BrokerStatus& status) {
  poison_.set(static_cast<double>(status.parked()));
  double waiting = 0;
  for (const auto& peer : status.peers()) waiting += peer.deliveries_waiting();
  deliveries_waiting_.set(waiting);
  for (const auto& service : status.services()) show(service);
  forget_all_but(status);
}

void StatusMetrics::show(const wire::BrokerStatus::Service& service) {
  OfService& metrics =
      services_.try_emplace(service.name(), metrics_, service.name()).first->second;
  metrics.workers.set(service.workers());
  metrics.waiting.set(service.queued());
  metrics.retry_hint.set(service.retry_hint_ms());
  metrics.requests.set(service.requests());
  metrics.answered.set(service.answered());
  metrics.busy.set(service.busy());
  metrics.credit_exhausted.set(service.credit_exhausted());
  metrics.redelivered.set(service.redelivered());
  metrics.poisoned.set(service.poisoned());
}

// Business systems name their apps as they like: what is gone must not stay in every scrape. One that comes back is
// counted anew by the broker, and here.
void StatusMetrics::forget_all_but(const wire::BrokerStatus& status) {
  const auto is_known = [&](const std::string& name) {
    return std::ranges::any_of(status.services(),
                               [&](const auto& service) { return service.name() == name; });
  };
  std::erase_if(services_, [&](const auto& entry) {
    const auto& [name, metrics] = entry;
    if (is_known(name)) return false;
    metrics.remove_from(metrics_);
    return true;
  });
}

}  // namespace parley
