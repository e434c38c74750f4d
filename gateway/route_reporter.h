// Tells the route service which users are connected here. It remembers *that* a user has to be reported
// and says what is true at the moment of saying it, so that changes merge, and a report that was lost is
// simply made again. One report is unanswered at a time: they cannot overtake each other. Pure.
// Bound: at most one remembered change per user that was present or asked about.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "gateway/session_table.h"

namespace parley {

struct ReportRule {
  Duration gather = 20ms;          // a change waits this long for others
  std::size_t users_max = 2'000;   // in one report
  Duration retry_base = 50ms;
  Duration retry_cap = 2s;
  Duration all_every = 20min;      // ± 10 %
};

class RouteReporter {
 public:
  // `table` must outlive the reporter.
  RouteReporter(const SessionTable& table, const ReportRule& rule, Random random, Instant now);

  // The user came, went, or was looked for here in vain.
  void changed(UserId user, Instant now);
  // Somebody may have forgotten what was reported: report every user that is present.
  void report_all(Instant now);

  // The body of the next report, if one is due. It has to be followed by answered() or failed().
  std::optional<std::string> next(Instant now);
  void answered(Instant now);
  void failed(Instant now);

  // When next() will have something; nothing while a report is unanswered.
  std::optional<Instant> due() const;
  // The last full report has been answered completely; single users may come and go meanwhile.
  bool everybody_is_reported() const { return !waiting_ && !walking() && failures_ == 0; }
  // Nothing is left to be told, but for the regular repetition.
  bool idle() const { return !waiting_ && pending_.empty() && !walking(); }

 private:
  bool walking() const { return walk_ < walk_end_; }
  std::vector<UserId> gather();

  const SessionTable& table_;
  ReportRule rule_;
  Random random_;
  std::unordered_set<UserId> pending_;
  std::deque<UserId> order_;         // of pending_, oldest first
  std::vector<UserId> unanswered_;   // users of the report under way
  bool waiting_ = false;
  unsigned failures_ = 0;
  Instant not_before_{};             // of the next report
  std::uint32_t walk_ = 0;           // places of the table that a full report has still to visit
  std::uint32_t walk_end_ = 0;
  Instant all_at_;
};

}  // namespace parley
