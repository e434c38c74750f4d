#include "gateway/route_reporter.h"

#include <algorithm>

#include "base/assert.h"
#include "proto/route.pb.h"

namespace parley {

RouteReporter::RouteReporter(const SessionTable& table, const ReportRule& rule, Random random,
                             Instant now)
    : table_(table), rule_(rule), random_(random), all_at_(now + rule.all_every) {}

void RouteReporter::changed(UserId user, Instant now) {
  if (!pending_.insert(user).second) return;
  if (order_.empty() && !walking()) not_before_ = std::max(not_before_, now + rule_.gather);
  order_.push_back(user);
}

void RouteReporter::report_all(Instant now) {
  walk_ = 0;
  walk_end_ = table_.places();
  all_at_ = now + random_.between(rule_.all_every * 9 / 10, rule_.all_every * 11 / 10);
}

std::vector<UserId> RouteReporter::gather() {
  std::vector<UserId> users;
  while (!order_.empty() && users.size() < rule_.users_max) {
    users.push_back(order_.front());
    pending_.erase(order_.front());
    order_.pop_front();
  }
  // A place that was freed or taken since the walk began needs no care: that was a change of its own.
  walk_end_ = std::min(walk_end_, table_.places());
  for (; walking() && users.size() < rule_.users_max; ++walk_)
    if (const auto user = table_.user_at(walk_)) users.push_back(*user);
  return users;
}

std::optional<std::string> RouteReporter::next(Instant now) {
  if (waiting_) return std::nullopt;
  if (now >= all_at_) report_all(now);
  if (now < not_before_) return std::nullopt;
  unanswered_ = gather();
  if (unanswered_.empty()) return std::nullopt;
  waiting_ = true;
  wire::RouteReport report;
  for (const UserId user : unanswered_)
    table_.is_present(user) ? report.add_present(user.value) : report.add_gone(user.value);
  return report.SerializeAsString();
}

void RouteReporter::answered(Instant) {
  PARLEY_ASSERT(waiting_);
  waiting_ = false;
  failures_ = 0;
  unanswered_.clear();
}

void RouteReporter::failed(Instant now) {
  PARLEY_ASSERT(waiting_);
  waiting_ = false;
  for (const UserId user : unanswered_)
    if (pending_.insert(user).second) order_.push_back(user);
  unanswered_.clear();
  not_before_ = now + backoff(failures_++, rule_.retry_base, rule_.retry_cap, random_);
}

std::optional<Instant> RouteReporter::due() const {
  if (waiting_) return std::nullopt;
  return order_.empty() && !walking() ? all_at_ : not_before_;
}

}  // namespace parley
