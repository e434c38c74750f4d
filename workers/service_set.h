// The services of one thread: takes a mixed batch apart, lets each handler do its part, puts
// answers and requests together again. No thread, no clock, no socket.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "base/metrics.h"
#include "workers/job.h"
#include "workers/service.h"

namespace parley {

class ServiceSet {
 public:
  // Requires: each service once, each with all its verbs.
  ServiceSet(std::vector<Service> services, Metrics& metrics);

  // Every verb that is served here, and where it runs.
  std::map<std::uint16_t, Lane> lanes() const;

  // Answers every request of the batch exactly once; calls `emit` for each group of it that is
  // done, so that nobody waits for the groups behind. Answered without asking a handler: requests
  // that waited longer than their ttl (retry_later: their gateway has given up) and verbs that no
  // service here has (unsupported).
  void process(std::vector<Job> batch, const Moment& moment,
               const std::function<void(Finished)>& emit);

 private:
  struct Counters {
    Counter ok;
    Counter failed;
  };

  Finished run_group(std::uint16_t verb, std::vector<Job>& batch,
                     const std::vector<std::size_t>& members, const Moment& moment);
  Service* service_with(std::uint16_t verb);
  void count(std::uint16_t verb, const std::vector<Result<Answer>>& answers);

  std::vector<Service> services_;
  std::map<std::uint16_t, Counters> counters_;
  Counter expired_;
};

// The reply to a request: an answer, or an error as it may leave the process.
Answered reply_to(BusRequest request, Result<Answer> answer);

}  // namespace parley
