#include "workers/batch_plan.h"

#include <unordered_map>

namespace parley {

std::vector<VerbGroup> plan_batch(std::span<const Job> batch) {
  std::vector<VerbGroup> groups;
  // Where the latest request of a key went: what follows it goes there or further back.
  std::unordered_map<std::uint64_t, std::size_t> latest;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const EnvelopeHeader& header = batch[i].request.header;
    std::size_t& at = latest[header.key];  // 0 for a new key: it may go anywhere
    while (at < groups.size() && groups[at].verb != header.verb) ++at;
    if (at == groups.size()) groups.push_back({header.verb, {}});
    groups[at].members.push_back(i);
  }
  return groups;
}

}  // namespace parley
