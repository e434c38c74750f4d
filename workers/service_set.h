// The services of one thread: takes a mixed batch apart, lets each handler do its part, puts
// answers and requests together again. No thread, no clock, no socket.
#pragma once

#include <functional>
#include <map>
#include <span>
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

  using Clock = std::function<Moment()>;
  using Emit = std::function<void(Finished)>;

  // Answers every request of the batch exactly once; calls `emit` for each part of it that is done
  // (a group of one verb, or a slice of it: Service::slice_of), so that nobody waits for the parts
  // behind. `clock` is read before each part. Answered without asking a handler: requests that have
  // then waited longer than their ttl (retry_later: their gateway has given up) and verbs that no
  // service here has (unsupported).
  void process(std::vector<Job> batch, const Clock& clock, const Emit& emit);

 private:
  struct Counters {
    Counter ok;
    Counter failed;
  };

  using Places = std::span<const std::size_t>;
  std::vector<std::size_t> refuse_late(std::vector<Job>& batch, Places part, Instant now,
                                       const Emit& emit);
  Finished run_part(std::uint16_t verb, std::vector<Job>& batch, Places part, const Moment& moment);
  Service* service_with(std::uint16_t verb);
  void count(std::uint16_t verb, const std::vector<Result<Answer>>& answers);

  std::vector<Service> services_;
  std::map<std::uint16_t, Counters> counters_;
  Counter expired_;
};

// The reply to a request: an answer, or an error as it may leave the process.
Answered reply_to(BusRequest request, Result<Answer> answer);

}  // namespace parley
