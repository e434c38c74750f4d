#include "tests/fault/fault_cost.h"

#include <algorithm>
#include <unordered_map>

namespace parley::test {

perf::LatencyHistogram all_acks(const History& history) {
  std::unordered_map<std::uint64_t, Instant> sent;
  perf::LatencyHistogram acks;
  for (const Event& event : history.events()) {
    if (const auto* send = std::get_if<SendInvoked>(&event.what)) sent[send->op] = event.at;
    if (const auto* ack = std::get_if<SendOk>(&event.what)) acks.record(event.at - sent[ack->op]);
  }
  return acks;
}

perf::LatencyHistogram acks_that_met_a_fault(const History& history) {
  std::unordered_map<std::uint64_t, Instant> sent;
  std::vector<std::pair<Instant, Instant>> acks;
  std::vector<Instant> faults;  // in the order of time, as the history
  for (const Event& event : history.events()) {
    if (const auto* send = std::get_if<SendInvoked>(&event.what)) sent[send->op] = event.at;
    if (const auto* ack = std::get_if<SendOk>(&event.what))
      acks.emplace_back(sent[ack->op], event.at);
    if (std::holds_alternative<Fault>(event.what)) faults.push_back(event.at);
  }
  perf::LatencyHistogram met;
  for (const auto& [from, to] : acks) {
    const auto fault = std::ranges::lower_bound(faults, from);
    if (fault != faults.end() && *fault <= to) met.record(to - from);
  }
  return met;
}

}  // namespace parley::test
