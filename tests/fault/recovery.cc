#include "tests/fault/recovery.h"

#include <algorithm>

#include "tests/support/eventually.h"

namespace parley::test {

std::optional<Duration> Recovery::await(Instant since, Duration limit) {
  {
    const std::lock_guard lock(mutex_);
    question_ = Question{.asked_at = monotonic_now()};
  }
  std::optional<Instant> recovered;
  eventually(limit, [&] { return (recovered = answer()).has_value(); });
  const std::lock_guard lock(mutex_);
  question_.reset();
  if (!recovered) return std::nullopt;
  return std::max(*recovered - since, Duration{});
}

std::optional<Instant> Recovery::answer() {
  const std::lock_guard lock(mutex_);
  return question_->answered_at;
}

void Recovery::watch() {
  const std::lock_guard lock(mutex_);
  watched_since_ = monotonic_now();
  longest_wait_ = {};
}

Duration Recovery::longest_wait() {
  const std::lock_guard lock(mutex_);
  watched_since_.reset();
  return longest_wait_;
}

void Recovery::look(const Workload& chat) {
  const std::lock_guard lock(mutex_);
  if (const auto since = watched_since_ ? chat.waiting_since() : std::nullopt)
    longest_wait_ =
        std::max(longest_wait_, monotonic_now() - std::max(*since, *watched_since_));
  if (!question_ || question_->answered_at) return;
  if (!question_->heads) question_->heads = chat.newest();
  if (chat.has_caught_up(question_->asked_at, *question_->heads))
    question_->answered_at = monotonic_now();
}

}  // namespace parley::test
