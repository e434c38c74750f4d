// Shows a gateway's counts as Prometheus metrics (parley_gateway_…). Thread: the gateway's; scrapes come
// from another, which is the metrics registry's business.
#pragma once

#include <cstdint>
#include <vector>

#include "base/metrics.h"
#include "gateway/counts.h"

namespace parley {

class MetricsReport {
 public:
  // What is true at the moment.
  struct Levels {
    double connections = 0;
    double pre_auth = 0;
    double pre_auth_bytes = 0;
    double sessions = 0;
    double users = 0;
    double requests_unanswered = 0;
  };
  // `counts` must outlive this.
  MetricsReport(Metrics& metrics, const GatewayCounts& counts);
  // Brings the metrics up to date.
  void update(const Levels& levels);

 private:
  struct Line {
    Counter counter;
    const std::uint64_t* source;
    std::uint64_t shown;
  };
  std::vector<Line> lines_;
  struct {
    Gauge connections, pre_auth, pre_auth_bytes, sessions, users, requests_unanswered;
  } gauges_;
};

}  // namespace parley
