// Conversations' logs in PostgreSQL. A batch is appended by one statement, in one round trip: it
// takes the numbers from the conversations' heads, whose row locks order all writers, inserts, and
// commits. Repetitions are found optimistically: the statement fails on their unique key, writes
// nothing, and only then what is stored is looked up (store/README.md has the measurement that
// decided it).
#pragma once

#include <memory>

#include "store/log_store.h"
#include "store/pg/append_plan.h"
#include "store/pg/connection.h"

namespace parley {

class PgLogStore final : public LogStore {
 public:
  explicit PgLogStore(std::shared_ptr<PgConnection> connection);

  Status open(std::span<const ConversationId> conversations) override;
  std::vector<Result<Appended>> append(std::span<const NewEntry> entries) override;
  Result<Page> range(ConversationId conversation, Seq from, Seq to, PageBound bound) override;
  Result<Page> before(ConversationId conversation, Seq before, PageBound bound) override;
  Result<std::vector<Seq>> heads(std::span<const ConversationId> conversations) override;

 private:
  // Answers every row. An error means that the server is away: what comes after must not overtake.
  Status append_rows(AppendPlan& plan, AppendPlan::Rows rows);
  Status append_after_failure(AppendPlan& plan, AppendPlan::Rows rows, const PgFailure& failure);
  Status append_halves(AppendPlan& plan, AppendPlan::Rows rows);
  Status append_unlocked(AppendPlan& plan, AppendPlan::Rows rows, const Error& error);

  PgOutcome<std::vector<Base>> insert(const AppendPlan& plan, AppendPlan::Rows rows);
  PgOutcome<std::vector<StoredEntry>> find(const AppendPlan& plan, AppendPlan::Rows rows);
  Result<Page> page(const PgStatement& statement);

  std::shared_ptr<PgConnection> connection_;
};

}  // namespace parley
