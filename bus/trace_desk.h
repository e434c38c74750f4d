// Which operator waits for answers to which trace query, and who may still answer it. Pure. At most 64 queries
// at once, each for two seconds: the oldest is forgotten.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "base/clock.h"
#include "bus/broker_types.h"
#include "proto/bus.pb.h"

namespace parley {

class TraceDesk {
 public:
  struct Open {
    std::uint64_t number;  // of our query
    PeerKey asker;
    RequestId about;  // the asker's own id for it
    wire::TraceQuery query;
    Instant until;
    std::vector<std::uint64_t> asked = {};  // registrations that have not answered yet
  };

  // Until the next call.
  Open& open(const PeerKey& asker, const RequestId& about, const wire::TraceQuery& query,
             Instant now);

  enum class Verdict {
    take,      // it was asked, and has not answered before
    late,      // nobody waits for it any more
    misplaced  // nobody asked it
  };
  struct Answer {
    Verdict verdict;
    const Open* open = nullptr;  // to take; until the next call
  };
  Answer on_answer(std::uint64_t number, std::uint64_t registration, Instant now);

 private:
  static constexpr std::size_t open_max = 64;
  static constexpr Duration patience = 2s;
  std::uint64_t last_number_ = 0;
  std::deque<Open> open_;
};

// Whether these are events that were asked for, no more than a process tells, each at a point of that role's
// own. Others would put words into the mouth of who has not said them, or into the operator's terminal.
bool is_answer_of(Role role, const wire::TraceQuery& query, const wire::TraceAnswer& answer);

}  // namespace parley
