// What operators ask brokers: their status, and to drain, to deal with poison, to trace. Blocks until every
// broker has answered or `limit` has passed; not for event loops. Each call connects anew, so that nothing
// of an earlier one can arrive in it. Results are in the order of the brokers' endpoints. Errors:
// retry_later: no answer in time: no broker there, or it hangs, or it keeps silent because we may not ask.
// config: not an endpoint. bad_frame: what answers there is no broker of ours.
#pragma once

#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "bus/endpoint.h"
#include "proto/bus.pb.h"

namespace parley {

using Endpoints = std::vector<BusEndpoint>;

std::vector<Result<wire::BrokerStatus>> ask_status(const Endpoints& brokers, Duration limit);
Result<wire::BrokerStatus> ask_status(const BusEndpoint& broker, Duration limit);

// Not for traces. An error that a broker answers with is returned as such.
std::vector<Result<wire::AdminReply>> ask_admin(const Endpoints& brokers,
                                                const wire::AdminRequest& request, Duration limit);

struct TraceReplies {
  std::vector<wire::TraceAnswer> answers;  // the broker's own and those that came through it
  std::uint32_t missing = 0;               // processes that were asked and did not answer in time
};
std::vector<Result<TraceReplies>> ask_trace(const Endpoints& brokers,
                                            const wire::TraceQuery& query, Duration limit);

}  // namespace parley
