// Who is meant by a name that shall drain, at which brokers he is known, and what nobody would do any more
// without him. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/status_report.h"

namespace parley {

struct DrainPlan {
  enum class Kind { broker, peer };
  struct At {
    std::size_t place;  // of that broker among those that were asked
    std::string broker;
    std::uint64_t boot;  // of the present life of who is meant
  };
  Kind kind = Kind::peer;
  std::vector<At> at = {};  // a broker: itself
  std::vector<std::string> peers = {};  // of a broker: whom it knew
  // "service c2c", "gateways", "brokers": he is the last one, somewhere.
  std::vector<std::string> last_of = {};
};

// not_found: no broker that answered is, or knows, anybody of that name.
Result<DrainPlan> plan_drain(const std::vector<BrokerAnswer>& answers, const std::string& name);

// Those of `plan.at` where that life of him has not ended. `answers`: of these brokers, in their order, later. A
// broker that does not answer knows nobody; one that is drained itself has ended when it does not.
std::vector<std::string> still_there(const DrainPlan& plan, const std::string& name,
                                     const std::vector<BrokerAnswer>& answers);
// Whether his next life has begun: he is registered again wherever he was; a broker: with all its peers.
bool is_back(const DrainPlan& plan, const std::string& name,
             const std::vector<BrokerAnswer>& answers);

}  // namespace parley
