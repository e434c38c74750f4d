// How long those who chat felt something: asked in one thread, watched in theirs.
#pragma once

#include <mutex>
#include <optional>

#include "cli/verify/workload.h"

namespace parley::test {

using namespace verify;  // histories and what judges them

class Recovery {
 public:
  // From `since` until everything that was sent before now is acknowledged, everybody is connected
  // and has what anybody had. Nothing: not within `limit` from now. Any thread but theirs.
  std::optional<Duration> await(Instant since, Duration limit);

  // What anybody waits for an acknowledgement from now on, at most; until longest_wait() tells it. Any
  // thread but theirs.
  void watch();
  Duration longest_wait();

  // In the thread of those who chat, each turn.
  void look(const Workload& chat);

 private:
  struct Question {
    Instant asked_at;
    std::optional<Workload::Heads> heads = {};  // when it was first looked at
    std::optional<Instant> answered_at = {};
  };
  std::optional<Instant> answer();

  std::mutex mutex_;
  std::optional<Question> question_;
  std::optional<Instant> watched_since_;
  Duration longest_wait_{};
};

}  // namespace parley::test
