#include "store/pg/pg_log_store.h"

#include <algorithm>

#include "store/limits.h"
#include "store/pg/values.h"

namespace parley {
namespace {

constexpr PgStatement open_statement{
    "log_open",
    "INSERT INTO parley.conversation (id) SELECT id FROM unnest($1::bigint[]) AS n(id)"
    " ORDER BY id ON CONFLICT DO NOTHING"};

// Whether somebody wants entries as events is asked in the statement, and its answer holds until the
// commit: the gate (schema/0004_events.sql) is locked before the snapshot is taken.
//
// Heads in ascending order of id ($1), each with how many entries are added, how many of them
// counted; then the entries' columns, `nth` and `counted` running within each conversation.
constexpr PgStatement append_statement{
    "log_append",
    "WITH base AS ("
    " UPDATE parley.conversation c"
    " SET head = c.head + n.entries, counted = c.counted + n.counted,"
    " untold = CASE WHEN NOT EXISTS (SELECT FROM parley.event_gate WHERE one FOR KEY SHARE)"
    "  AND EXISTS (SELECT FROM parley.event_subscription WHERE messages)"
    "  THEN coalesce(c.untold, c.head + 1) ELSE c.untold END"
    " FROM unnest($1::bigint[], $2::int[], $3::int[]) AS n(id, entries, counted)"
    " WHERE c.id = n.id"
    " RETURNING c.id, c.head - n.entries AS head, c.counted - n.counted AS counted"
    "), added AS ("
    " INSERT INTO parley.log (conversation, seq, time_ms, counted, client_id, sender, kind, body)"
    " SELECT e.conversation, base.head + e.nth, e.time_ms, base.counted + e.counted, e.client_id,"
    " e.sender, e.kind, e.body"
    " FROM unnest($4::bigint[], $5::int[], $6::int[], $7::bigint[], $8::uuid[], $9::int[],"
    " $10::int[], $11::bytea[])"
    " AS e(conversation, nth, counted, time_ms, client_id, sender, kind, body)"
    " JOIN base ON base.id = e.conversation"
    ") SELECT id, head FROM base"};

constexpr PgStatement find_statement{
    "log_find",
    "SELECT l.conversation, l.sender, l.client_id, l.seq, l.kind, l.body, l.time_ms"
    " FROM unnest($1::bigint[], $2::int[], $3::uuid[]) AS k(conversation, sender, client_id)"
    " JOIN parley.log l USING (conversation, sender, client_id)"};

constexpr PgStatement unlocked_statement{
    "log_unlocked",
    "SELECT id FROM parley.conversation WHERE id = ANY ($1::bigint[])"
    " ORDER BY id FOR NO KEY UPDATE SKIP LOCKED"};

constexpr PgStatement heads_statement{
    "log_heads", "SELECT id, head FROM parley.conversation WHERE id = ANY ($1::bigint[])"};

// $1 conversation, $2 … $3 first and last seq, $4 entries, $5 bytes. Both walk an index as far as
// the page goes, so that the depth of the log does not matter, and see head and entries in one
// snapshot.
constexpr PgStatement range_statement{
    "log_range",
    "SELECT c.head, p.seq, p.sender, p.client_id, p.kind, p.body, p.time_ms"
    " FROM parley.conversation c LEFT JOIN LATERAL ("
    " SELECT * FROM ("
    "  SELECT l.*, sum(octet_length(l.body)) OVER (ORDER BY l.seq ROWS UNBOUNDED PRECEDING)"
    "   - octet_length(l.body) AS bytes_before"
    "  FROM parley.log l WHERE l.conversation = $1::bigint"
    "  AND l.seq BETWEEN $2::bigint AND $3::bigint ORDER BY l.seq LIMIT $4::int) q"
    " WHERE q.bytes_before <= $5::bigint) p ON true"
    " WHERE c.id = $1::bigint ORDER BY p.seq"};
constexpr PgStatement before_statement{
    "log_before",
    "SELECT c.head, p.seq, p.sender, p.client_id, p.kind, p.body, p.time_ms"
    " FROM parley.conversation c LEFT JOIN LATERAL ("
    " SELECT * FROM ("
    "  SELECT l.*, sum(octet_length(l.body)) OVER (ORDER BY l.seq DESC ROWS UNBOUNDED PRECEDING)"
    "   - octet_length(l.body) AS bytes_before"
    "  FROM parley.log l WHERE l.conversation = $1::bigint"
    "  AND l.seq BETWEEN $2::bigint AND $3::bigint ORDER BY l.seq DESC LIMIT $4::int) q"
    " WHERE q.bytes_before <= $5::bigint) p ON true"
    " WHERE c.id = $1::bigint ORDER BY p.seq"};

std::int32_t is_counted(const NewEntry& entry) {
  return entry.kind < limits::uncounted_kind ? 1 : 0;
}

void add_ids(PgParams& params, std::span<const ConversationId> ids) {
  params.add_array(PgType::bigint, ids.size());
  for (const ConversationId id : ids) params.element(to_bigint(id));
}

std::vector<ConversationId> distinct_conversations(const AppendPlan& plan, AppendPlan::Rows rows) {
  std::vector<ConversationId> ids;
  for (const std::uint32_t row : rows) {
    const ConversationId id = plan.entry(row).conversation;
    if (ids.empty() || ids.back() != id) ids.push_back(id);
  }
  return ids;
}

struct HeadChange {
  ConversationId conversation;
  std::int32_t entries = 0;
  std::int32_t counted = 0;
};

}  // namespace

PgLogStore::PgLogStore(std::shared_ptr<PgConnection> connection)
    : connection_(std::move(connection)) {}

Status PgLogStore::open(std::span<const ConversationId> conversations) {
  for (const ConversationId id : conversations) {
    if (!id || id.value > limits::stored_number_max) return fail(Errc::internal, "conversation id");
  }
  for (; !conversations.empty();) {
    const auto chunk =
        conversations.first(std::min(conversations.size(), limits::append_entries_max));
    add_ids(connection_->params(), chunk);
    if (auto done = connection_->call(open_statement); !done) return refusal(done.error());
    conversations = conversations.subspan(chunk.size());
  }
  return {};
}

std::vector<Result<Appended>> PgLogStore::append(std::span<const NewEntry> entries) {
  AppendPlan plan(entries);
  Status status;
  for (auto rows = plan.next_chunk(); !rows.empty(); rows = plan.next_chunk()) {
    if (status)
      status = append_rows(plan, rows);
    else
      plan.refuse(rows, status.error());
  }
  if (const auto open = plan.settle_repeats(); !open.empty()) {
    auto found = find(plan, open);
    if (found)
      plan.refuse(plan.settle(open, *std::move(found)), {Errc::internal, "entry vanished"});
    else
      plan.refuse(open, found.error().error);
  }
  return plan.take_results();
}

Status PgLogStore::append_rows(AppendPlan& plan, AppendPlan::Rows rows) {
  if (rows.empty()) return {};
  auto bases = insert(plan, rows);
  if (!bases) return append_after_failure(plan, rows, bases.error());
  plan.written(rows, *std::move(bases));
  return {};
}

// The statement wrote nothing.
Status PgLogStore::append_after_failure(AppendPlan& plan, AppendPlan::Rows rows,
                                        const PgFailure& failure) {
  if (failure.is_unique_violation()) {
    auto found = find(plan, rows);
    if (!found) {
      plan.refuse(rows, found.error().error);
      return refusal(found.error());
    }
    // Each round answers some, so it ends, however many are committed by others meanwhile.
    const auto others = plan.settle(rows, *std::move(found));
    if (others.size() < rows.size()) return append_rows(plan, others);
  }
  if (failure.is_lock_timeout()) return append_unlocked(plan, rows, failure.error);
  const bool is_one_rows_fault =
      failure.error.code == Errc::internal && !failure.is_about_the_statement();
  if (is_one_rows_fault && rows.size() > 1) return append_halves(plan, rows);
  plan.refuse(rows, failure.error);
  if (failure.error.code == Errc::internal) return {};
  return refusal(failure);
}

// One row is at fault: it is found by halving, and fails alone.
Status PgLogStore::append_halves(AppendPlan& plan, AppendPlan::Rows rows) {
  const auto first = rows.first(rows.size() / 2);
  const auto second = rows.subspan(first.size());
  Status status = append_rows(plan, first);
  if (status) return append_rows(plan, second);
  plan.refuse(second, status.error());
  return status;
}

// Somebody holds the lock of a head for longer than a commit takes. Only its conversation shall
// wait.
Status PgLogStore::append_unlocked(AppendPlan& plan, AppendPlan::Rows rows, const Error& error) {
  add_ids(connection_->params(), distinct_conversations(plan, rows));
  auto unlocked = connection_->call(unlocked_statement);
  if (!unlocked) {
    plan.refuse(rows, unlocked.error().error);
    return refusal(unlocked.error());
  }
  std::vector<ConversationId> free;
  for (int row = 0; row < unlocked->size(); ++row) {
    free.push_back(id_at<ConversationId>(*unlocked, row, 0));
  }
  std::vector<std::uint32_t> now;
  std::vector<std::uint32_t> later;
  for (const std::uint32_t row : rows) {
    const bool is_free = std::ranges::binary_search(free, plan.entry(row).conversation);
    (is_free ? now : later).push_back(row);
  }
  plan.refuse(later, error);
  if (later.empty()) {
    // It was let go meanwhile; the next attempt of the callers will find out.
    plan.refuse(now, error);
    return {};
  }
  return append_rows(plan, now);
}

PgOutcome<std::vector<Base>> PgLogStore::insert(const AppendPlan& plan, AppendPlan::Rows rows) {
  std::vector<HeadChange> heads;
  std::vector<HeadChange> running;  // per row: its place within its conversation
  running.reserve(rows.size());
  for (const std::uint32_t row : rows) {
    const NewEntry& entry = plan.entry(row);
    if (heads.empty() || heads.back().conversation != entry.conversation) {
      heads.push_back({entry.conversation});
    }
    heads.back().entries += 1;
    heads.back().counted += is_counted(entry);
    running.push_back(heads.back());
  }

  PgParams& params = connection_->params();
  const auto column = [&](PgType type, const auto& of, auto value) {
    params.add_array(type, of.size());
    for (const auto& element : of) params.element(value(element));
  };
  const auto of_entry = [&](PgType type, auto value) {
    column(type, rows, [&](std::uint32_t row) { return value(plan.entry(row)); });
  };
  const auto conversation = [](const HeadChange& head) { return to_bigint(head.conversation); };
  const auto entries = [](const HeadChange& head) { return head.entries; };
  const auto counted = [](const HeadChange& head) { return head.counted; };
  column(PgType::bigint, heads, conversation);
  column(PgType::integer, heads, entries);
  column(PgType::integer, heads, counted);
  column(PgType::bigint, running, conversation);
  column(PgType::integer, running, entries);
  column(PgType::integer, running, counted);
  of_entry(PgType::bigint, [](const NewEntry& e) { return e.time_ms; });
  of_entry(PgType::uuid, [](const NewEntry& e) { return to_bytes(e.client_id); });
  of_entry(PgType::integer,
           [](const NewEntry& e) { return static_cast<std::int32_t>(e.sender.value); });
  of_entry(PgType::integer, [](const NewEntry& e) { return std::int32_t{e.kind}; });
  of_entry(PgType::bytea, [](const NewEntry& e) { return e.body; });

  const auto answer = connection_->call(append_statement);
  if (!answer) return tl::unexpected(answer.error());
  std::vector<Base> bases;
  for (int row = 0; row < answer->size(); ++row) {
    bases.push_back({id_at<ConversationId>(*answer, row, 0), id_at<Seq>(*answer, row, 1)});
  }
  return bases;
}

PgOutcome<std::vector<StoredEntry>> PgLogStore::find(const AppendPlan& plan,
                                                     AppendPlan::Rows rows) {
  PgParams& params = connection_->params();
  params.add_array(PgType::bigint, rows.size());
  for (const std::uint32_t row : rows) params.element(to_bigint(plan.entry(row).conversation));
  params.add_array(PgType::integer, rows.size());
  for (const std::uint32_t row : rows) {
    params.element(static_cast<std::int32_t>(plan.entry(row).sender.value));
  }
  params.add_array(PgType::uuid, rows.size());
  for (const std::uint32_t row : rows) params.element(to_bytes(plan.entry(row).client_id));

  const auto answer = connection_->call(find_statement);
  if (!answer) return tl::unexpected(answer.error());
  std::vector<StoredEntry> found;
  for (int row = 0; row < answer->size(); ++row) {
    found.push_back({id_at<ConversationId>(*answer, row, 0), user_at(*answer, row, 1),
                     array_at<16>(*answer, row, 2), id_at<Seq>(*answer, row, 3),
                     static_cast<std::uint16_t>(answer->integer(row, 4)),
                     std::string(answer->bytes(row, 5)), answer->bigint(row, 6)});
  }
  return found;
}

Result<Page> PgLogStore::page(const PgStatement& statement) {
  const auto answer = connection_->call(statement);
  if (!answer) return refusal(answer.error());
  Page page;
  for (int row = 0; row < answer->size(); ++row) {
    page.head = id_at<Seq>(*answer, row, 0);
    if (answer->is_null(row, 1)) continue;  // the head alone
    page.entries.push_back({id_at<Seq>(*answer, row, 1), user_at(*answer, row, 2),
                            array_at<16>(*answer, row, 3),
                            static_cast<std::uint16_t>(answer->integer(row, 4)),
                            std::string(answer->bytes(row, 5)), answer->bigint(row, 6)});
  }
  return page;
}

Result<Page> PgLogStore::range(ConversationId conversation, Seq from, Seq to, PageBound bound) {
  bound = within_limits(bound);
  PgParams& params = connection_->params();
  for (const std::int64_t number : {to_bigint(conversation), to_bigint(from), to_bigint(to)}) {
    params.add(number);
  }
  params.add(static_cast<std::int32_t>(bound.entries));
  params.add(to_bigint(bound.bytes));
  PARLEY_TRY(Page found, page(range_statement));
  const Seq last = std::min(to, found.head);
  found.more = !found.entries.empty() && found.entries.back().seq < last;
  return found;
}

Result<Page> PgLogStore::before(ConversationId conversation, Seq before, PageBound bound) {
  bound = within_limits(bound);
  PgParams& params = connection_->params();
  params.add(to_bigint(conversation));
  params.add(std::int64_t{1});
  params.add(before ? to_bigint(before.value - 1) : to_bigint(limits::stored_number_max));
  params.add(static_cast<std::int32_t>(bound.entries));
  params.add(to_bigint(bound.bytes));
  PARLEY_TRY(Page found, page(before_statement));
  found.more = !found.entries.empty() && found.entries.front().seq > Seq{1};
  return found;
}

Result<std::vector<Seq>> PgLogStore::heads(std::span<const ConversationId> conversations) {
  add_ids(connection_->params(), conversations);
  const auto answer = connection_->call(heads_statement);
  if (!answer) return refusal(answer.error());
  std::vector<std::pair<ConversationId, Seq>> known;
  for (int row = 0; row < answer->size(); ++row) {
    known.emplace_back(id_at<ConversationId>(*answer, row, 0), id_at<Seq>(*answer, row, 1));
  }
  std::ranges::sort(known);
  std::vector<Seq> heads;
  for (const ConversationId id : conversations) {
    const auto found =
        std::ranges::lower_bound(known, id, {}, &std::pair<ConversationId, Seq>::first);
    heads.push_back(found != known.end() && found->first == id ? found->second : Seq{0});
  }
  return heads;
}

}  // namespace parley
