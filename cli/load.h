// What brokers counted between two looks at them, as rates, added up over the brokers. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cli/status_report.h"

namespace parley {

// All brokers, looked at once.
struct Sample {
  Instant at;
  std::vector<BrokerAnswer> answers;
};

struct ServiceLoad {
  std::string name;
  unsigned workers = 0;  // at the broker that knows most
  std::uint64_t queued = 0;
  std::uint64_t queued_bytes = 0;
  std::uint64_t poisoned = 0;
  // per second
  double requests = 0;
  double answers = 0;
  double busy = 0;         // refused, the queue being full
  double waits = 0;        // had to wait for some worker's credit
  double redelivered = 0;  // given to another worker
};

struct PeerLoad {
  std::string name;
  wire::PeerRole role = wire::PEER_ROLE_UNSPECIFIED;
  std::uint64_t outstanding = 0;
  std::uint64_t credit = 0;
  std::uint64_t waiting = 0;
  std::uint64_t undelivered = 0;
  std::uint64_t window = 0;  // for deliveries
  std::uint64_t deliveries_waiting = 0;
  std::uint32_t silent_ms = 0;  // at the broker that has waited longest
  bool draining = false;
  // per second
  double requests = 0;
  double deliveries = 0;
  double dropped = 0;
  double waits = 0;
};

struct Load {
  std::vector<ServiceLoad> services;  // those with most to do first
  std::vector<PeerLoad> peers;        // likewise
};

// What a broker or peer that was started since has counted counts from its start. A broker that did not
// answer in `before` has no rates yet.
Load load_between(const Sample& before, const Sample& now);

}  // namespace parley
