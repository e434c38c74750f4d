// Gateways that a broker said lately it does not know: deliveries to them take another broker meanwhile. A
// gateway that lost one broker, or that a restarted broker does not know yet, still hears its workers.
// Pure. Bounded: beyond, all is forgotten, and the broker is asked again.
#pragma once

#include <cstddef>
#include <unordered_map>

#include "base/clock.h"
#include "base/ids.h"

namespace parley {

class AbsentGateways {
 public:
  void note(InstanceId gateway, Instant now) {
    if (until_.size() >= gateways_max && !until_.contains(gateway)) until_.clear();
    until_[gateway] = now + believed_for;
  }
  bool has(InstanceId gateway, Instant now) const {
    const auto found = until_.find(gateway);
    return found != until_.end() && now < found->second;
  }

 private:
  static constexpr Duration believed_for = 1s;
  static constexpr std::size_t gateways_max = 1'024;

  std::unordered_map<InstanceId, Instant> until_;
};

}  // namespace parley
