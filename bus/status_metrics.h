// A broker's status as metrics, so that dashboards and alarms see what `parley status` shows: each service's
// queue, workers and rates, deliveries that wait, poison. Peers have none of their own: there is one for each
// that ever was. A service that the broker has forgotten has none any more. Thread: the loop's.
#pragma once

#include <map>
#include <string>

#include "base/metrics.h"
#include "bus/counter_feed.h"
#include "proto/bus.pb.h"

namespace parley {

class StatusMetrics {
 public:
  // `metrics` must outlive this object.
  explicit StatusMetrics(Metrics& metrics);

  // About once a second.
  void update(const wire::BrokerStatus& status);

 private:
  struct OfService {
    OfService(Metrics& metrics, const std::string& name);
    void remove_from(Metrics& metrics) const;
    Gauge workers, waiting, retry_hint;
    CounterFeed requests, answered, busy, credit_exhausted, redelivered, poisoned;
  };
  void show(const wire::BrokerStatus::Service& service);
  void forget_all_but(const wire::BrokerStatus& status);

  Metrics& metrics_;
  Gauge poison_;
  Gauge deliveries_waiting_;
  std::map<std::string, OfService> services_;
};

}  // namespace parley
