// What brokers say of themselves, as a table for people and as JSON for programs. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "proto/bus.pb.h"

namespace parley {

struct BrokerAnswer {
  std::string endpoint;
  Result<wire::BrokerStatus> status;
};

// One block a broker: its services, then its peers. A broker that did not answer has a line that says so.
std::string status_table(const std::vector<BrokerAnswer>& answers);
// {"brokers":[{"endpoint":…,"name":…,"services":[…],"peers":[…]} or {"endpoint":…,"error":…}]}, with every
// field of wire::BrokerStatus.
std::string status_json(const std::vector<BrokerAnswer>& answers);
// Those of `peers` that some broker did not answer for or does not know, or knows as draining.
std::vector<std::string> missing_peers(const std::vector<BrokerAnswer>& answers,
                                       const std::vector<std::string>& peers);

}  // namespace parley
