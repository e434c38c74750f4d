// Asks a broker what it sees: for `parley status` and for whoever waits until everybody is registered.
// Blocks; not for event loops.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "proto/bus.pb.h"

namespace parley {

// retry_later: no answer within `limit`: no broker there, or it hangs. config: not an endpoint.
// bad_frame: what answers there is no broker of ours.
Result<wire::BrokerStatus> ask_status(const std::string& endpoint, Duration limit);

}  // namespace parley
