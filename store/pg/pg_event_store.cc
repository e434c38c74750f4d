#include "store/pg/pg_event_store.h"

#include <algorithm>
#include <charconv>

#include "store/limits.h"
#include "store/pg/values.h"

namespace parley {
namespace {

constexpr PgStatement standing_statement{
    "event_standing",
    "SELECT acked, messages::int, (presence_since IS NOT NULL)::int"
    " FROM parley.event_subscription WHERE subscriber = $1::bigint"};

constexpr PgStatement unsubscribe_statement{
    "event_unsubscribe", "DELETE FROM parley.event_subscription WHERE subscriber = $1::bigint"};

// $1 subscriber, $2 cursor, $3 rows. One snapshot: between what is acknowledged and what there is
// nothing can be removed.
constexpr PgStatement read_statement{
    "event_read",
    "SELECT s.messages::int, (s.presence_since IS NOT NULL)::int, s.acked, k.head,"
    " e.last, e.events, e.conversation, e.first_seq, e.account, e.online::int, e.time_ms"
    " FROM parley.event_subscription s CROSS JOIN parley.event_counter k"
    " LEFT JOIN LATERAL (SELECT * FROM parley.event"
    "  WHERE last > greatest(s.acked, $2::bigint) ORDER BY last LIMIT $3::int) e ON true"
    " WHERE s.subscriber = $1::bigint ORDER BY e.last"};

constexpr PgStatement acknowledge_statement{
    "event_acknowledge",
    "UPDATE parley.event_subscription SET acked = $2::bigint"
    " WHERE subscriber = $1::bigint AND acked < $2::bigint"};

// $1 … $3 conversations with their first and last seq, in the order of events; $4 bytes.
constexpr PgStatement entries_statement{
    "event_entries",
    "SELECT conversation, seq, sender, client_id, kind, body, time_ms FROM ("
    " SELECT l.*, sum(octet_length(l.body)) OVER (ORDER BY r.nth, l.seq"
    "  ROWS UNBOUNDED PRECEDING) - octet_length(l.body) AS bytes_before"
    " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[])"
    "  WITH ORDINALITY AS r(conversation, first, last, nth)"
    " JOIN parley.log l ON l.conversation = r.conversation AND l.seq BETWEEN r.first AND r.last) q"
    " WHERE bytes_before <= $4::bigint"};

constexpr PgStatement wants_presence_statement{
    "event_wants_presence",
    "SELECT 1 FROM parley.event_subscription WHERE presence_since IS NOT NULL LIMIT 1"};

// $1 users in ascending order, $2 whether each is online, $3 time. A user of whom the same was told
// since somebody wants presence is left out; the row's lock decides between two who tell at once.
constexpr PgStatement presence_statement{
    "event_presence",
    "WITH wanted AS MATERIALIZED ("
    " SELECT min(presence_since) AS since FROM parley.event_subscription"
    "), told AS ("
    " INSERT INTO parley.event_presence AS p (account, online, number)"
    " SELECT n.account, n.online <> 0, k.head + 1"
    " FROM unnest($1::int[], $2::int[]) AS n(account, online), wanted w, parley.event_counter k"
    " WHERE w.since IS NOT NULL ORDER BY n.account"
    " ON CONFLICT (account) DO UPDATE SET online = excluded.online, number = excluded.number"
    " WHERE p.online <> excluded.online OR p.number <= (SELECT since FROM wanted)"
    " RETURNING account, online"
    "), ranked AS (SELECT account, online, row_number() OVER (ORDER BY account) AS nth FROM told"
    "), counter AS ("
    " UPDATE parley.event_counter k SET head = k.head + r.events"
    " FROM (SELECT count(*) AS events FROM ranked) r WHERE r.events > 0"
    " RETURNING k.head - r.events AS base)"
    " INSERT INTO parley.event (last, events, time_ms, account, online)"
    " SELECT c.base + r.nth, 1, $3::bigint, r.account, r.online FROM ranked r, counter c"};

// $1 go on after this conversation, $2 how many, $3 time. Locks heads in ascending order, then the
// counter. Whether messages are wanted holds until the commit, as in an append.
#define PARLEY_EVENT_SWEEP(locked)                                                                 \
  "WITH wanted AS MATERIALIZED ("                                                                  \
  " SELECT NOT EXISTS (SELECT FROM parley.event_gate WHERE one FOR KEY SHARE)"                     \
  "  AND EXISTS (SELECT FROM parley.event_subscription WHERE messages) AS messages"                \
  "), marked AS MATERIALIZED ("                                                                    \
  " SELECT id, untold, head FROM parley.conversation"                                              \
  " WHERE untold IS NOT NULL AND id > $1::bigint"                                                  \
  " ORDER BY id LIMIT $2::int FOR NO KEY UPDATE" locked                                            \
  "), unmarked AS ("                                                                               \
  " UPDATE parley.conversation c SET untold = NULL FROM marked m WHERE c.id = m.id"                \
  "), ranked AS ("                                                                                 \
  " SELECT m.id, m.untold, m.head - m.untold + 1 AS events,"                                       \
  " (sum(m.head - m.untold + 1) OVER (ORDER BY m.id ROWS UNBOUNDED PRECEDING))::bigint AS upto"    \
  " FROM marked m, wanted w WHERE w.messages"                                                      \
  "), counter AS ("                                                                                \
  " UPDATE parley.event_counter k SET head = k.head + r.events"                                    \
  " FROM (SELECT max(upto) AS events FROM ranked) r WHERE r.events > 0"                            \
  " RETURNING k.head - r.events AS base"                                                           \
  "), added AS ("                                                                                  \
  " INSERT INTO parley.event (last, events, time_ms, conversation, first_seq)"                     \
  " SELECT c.base + r.upto, r.events, $3::bigint, r.id, r.untold FROM ranked r, counter c)"        \
  " SELECT count(*)::int, max(id) FROM marked"
constexpr PgStatement sweep_statement{"event_sweep", PARLEY_EVENT_SWEEP(" SKIP LOCKED")};
constexpr PgStatement patient_sweep_statement{"event_sweep_patient", PARLEY_EVENT_SWEEP("")};
#undef PARLEY_EVENT_SWEEP

// $1 oldest time, $2 how many events. Looks at the oldest rows only: the next call sees the next.
constexpr PgStatement expire_statement{
    "event_expire",
    "WITH beyond AS ("
    " SELECT max(o.last) AS last FROM parley.event_counter k,"
    " (SELECT last, time_ms FROM parley.event ORDER BY last LIMIT $3::int) o"
    " WHERE o.time_ms < $1::bigint OR o.last <= k.head - $2::bigint)"
    " UPDATE parley.event_subscription s SET acked = b.last FROM beyond b"
    " WHERE s.acked < b.last RETURNING 1"};

// One at a time: two would wait for each other's rows, and remove the same.
constexpr PgStatement remove_statement{
    "event_remove",
    "WITH alone AS MATERIALIZED ("
    " SELECT pg_try_advisory_xact_lock(hashtextextended('parley.event trim', 0)) AS granted"
    "), done AS MATERIALIZED ("
    " SELECT coalesce((SELECT min(acked) FROM parley.event_subscription),"
    "  (SELECT head FROM parley.event_counter)) AS upto"
    "), removed AS ("
    " DELETE FROM parley.event WHERE last IN ("
    "  SELECT e.last FROM parley.event e, done d, alone a WHERE a.granted AND e.last <= d.upto"
    "  ORDER BY e.last LIMIT $1::int)"
    " RETURNING 1)"
    " SELECT count(*) FROM removed"};

constexpr PgStatement state_statement{
    "event_state",
    "SELECT k.head, EXISTS (SELECT FROM parley.conversation WHERE untold IS NOT NULL)::int,"
    " s.subscriber, s.messages::int, (s.presence_since IS NOT NULL)::int, s.acked"
    " FROM parley.event_counter k LEFT JOIN parley.event_subscription s ON true"
    " ORDER BY s.subscriber"};

const char* in_sql(bool value) { return value ? "true" : "false"; }

// Several statements in one transaction, which prepared ones cannot be; it has nothing in it but
// numbers. With the gate closed nobody appends; marks that are left over from former subscribers are
// of the past.
std::string subscribe_sql(InstanceId subscriber, EventKinds kinds) {
  std::string sql;
  if (kinds.messages) {
    sql =
        "LOCK TABLE parley.event_gate IN EXCLUSIVE MODE;"
        "UPDATE parley.conversation SET untold = NULL WHERE untold IS NOT NULL"
        " AND NOT EXISTS (SELECT FROM parley.event_subscription WHERE messages);";
  }
  return sql + "INSERT INTO parley.event_subscription AS s" +
         " (subscriber, messages, presence_since, acked) SELECT " +
         std::to_string(to_bigint(subscriber)) + ", " + in_sql(kinds.messages) + ", CASE WHEN " +
         in_sql(kinds.presence) + " THEN head END, head FROM parley.event_counter" +
         " ON CONFLICT (subscriber) DO UPDATE SET messages = excluded.messages," +
         " presence_since = CASE WHEN excluded.presence_since IS NOT NULL" +
         " THEN coalesce(s.presence_since, excluded.presence_since) END" +
         " RETURNING acked";
}

EventKinds kinds_at(const PgRows& rows, int row, int column) {
  return {rows.integer(row, column) != 0, rows.integer(row, column + 1) != 0};
}

}  // namespace

PgEventStore::PgEventStore(std::shared_ptr<PgConnection> connection)
    : connection_(std::move(connection)) {}

Result<EventCursor> PgEventStore::subscribe(InstanceId subscriber, EventKinds kinds) {
  connection_->params().add(to_bigint(subscriber));
  const auto standing = connection_->call(standing_statement);
  if (!standing) return refusal(standing.error());
  if (standing->size() != 0 && kinds_at(*standing, 0, 1) == kinds)
    return id_at<EventCursor>(*standing, 0, 0);

  const auto rows = connection_->run(subscribe_sql(subscriber, kinds));
  if (!rows) return refusal(rows.error());
  PARLEY_ASSERT(rows->size() == 1);
  const std::string_view text = rows->bytes(0, 0);
  std::uint64_t acked = 0;
  PARLEY_ASSERT(std::from_chars(text.data(), text.data() + text.size(), acked).ec == std::errc());
  return EventCursor{acked};
}

Status PgEventStore::unsubscribe(InstanceId subscriber) {
  connection_->params().add(to_bigint(subscriber));
  if (auto done = connection_->call(unsubscribe_statement); !done) return refusal(done.error());
  return {};
}

Result<EventPage> PgEventStore::pull(InstanceId subscriber, EventCursor cursor, EventBound bound) {
  bound = within_limits(bound);
  PARLEY_TRY(const auto reading, read(subscriber, cursor, bound.events));
  if (!reading) return fail(Errc::not_found, "no subscription");
  if (cursor > reading->newest) return fail(Errc::bad_request, "a cursor of the future");
  if (cursor > reading->acked) PARLEY_CHECK(acknowledge(subscriber, cursor));

  EventPage page;
  page.next = std::max(cursor, reading->acked);
  if (cursor < reading->acked) page.lost_before = reading->acked;
  const std::vector<Row> rows = choose(*reading, bound.events, page.next);
  PARLEY_TRY(Entries entries, entries_of(rows, bound.bytes));
  for (const Row& row : rows) {
    const std::uint64_t count = append_events(row, entries, page.events);
    if (count == row.last - row.first + 1) continue;
    // The page has all the bytes that it may have.
    if (page.events.empty()) return fail(Errc::internal, "an event's entry is not in the log");
    page.next = page.events.back().cursor;
    break;
  }
  page.more = page.next < reading->newest;
  return page;
}

// What there is of the wanted kinds, at most `events_max`; `end`: how far that goes.
std::vector<PgEventStore::Row> PgEventStore::choose(const Reading& reading,
                                                    std::uint64_t events_max, EventCursor& end) {
  std::vector<Row> rows;
  for (const Row& row : reading.rows) {
    if (events_max == 0) break;
    end = EventCursor{row.last};
    if (!(row.conversation ? reading.kinds.messages : reading.kinds.presence)) continue;
    rows.push_back(row);
    const std::uint64_t taken = std::min(row.last - row.first + 1, events_max);
    rows.back().last = row.first + taken - 1;
    end = EventCursor{rows.back().last};
    events_max -= taken;
  }
  return rows;
}

// Adds the row's events as far as there are entries for them; how many.
std::uint64_t PgEventStore::append_events(const Row& row, Entries& entries,
                                          std::vector<Event>& events) {
  if (!row.conversation) {
    events.emplace_back(EventCursor{row.last}, row.presence);
    return 1;
  }
  std::uint64_t count = 0;
  for (; row.first + count <= row.last; ++count) {
    const auto found = entries.find({row.conversation, Seq{row.first_seq.value + count}});
    if (found == entries.end()) break;
    events.emplace_back(EventCursor{row.first + count},
                        LoggedEvent{row.conversation, std::move(found->second)});
  }
  return count;
}

Result<std::optional<PgEventStore::Reading>> PgEventStore::read(InstanceId subscriber,
                                                                EventCursor cursor,
                                                                std::uint32_t rows_max) {
  PgParams& params = connection_->params();
  params.add(to_bigint(subscriber));
  params.add(to_bigint(cursor));
  params.add(static_cast<std::int32_t>(rows_max));
  const auto rows = connection_->call(read_statement);
  if (!rows) return refusal(rows.error());
  if (rows->size() == 0) return std::nullopt;

  Reading reading{kinds_at(*rows, 0, 0), id_at<EventCursor>(*rows, 0, 2),
                  id_at<EventCursor>(*rows, 0, 3), {}};
  const std::uint64_t from = std::max(cursor, reading.acked).value;
  for (int i = 0; i < rows->size(); ++i) {
    if (rows->is_null(i, 4)) continue;  // no event at all
    Row row;
    row.last = static_cast<std::uint64_t>(rows->bigint(i, 4));
    const std::uint64_t begin = row.last - static_cast<std::uint64_t>(rows->bigint(i, 5)) + 1;
    row.first = std::max(begin, from + 1);
    if (rows->is_null(i, 6)) {
      row.presence = {user_at(*rows, i, 8), rows->integer(i, 9) != 0, rows->bigint(i, 10)};
    } else {
      row.conversation = id_at<ConversationId>(*rows, i, 6);
      row.first_seq = Seq{id_at<Seq>(*rows, i, 7).value + (row.first - begin)};
    }
    reading.rows.push_back(row);
  }
  return reading;
}

Result<PgEventStore::Entries> PgEventStore::entries_of(const std::vector<Row>& rows,
                                                       std::size_t bytes_max) {
  std::vector<Row> logged;
  std::ranges::copy_if(rows, std::back_inserter(logged),
                       [](const Row& row) { return static_cast<bool>(row.conversation); });
  Entries entries;
  if (logged.empty()) return entries;
  PgParams& params = connection_->params();
  const auto column = [&](auto value) {
    params.add_array(PgType::bigint, logged.size());
    for (const Row& row : logged) params.element(to_bigint(value(row)));
  };
  column([](const Row& row) { return row.conversation.value; });
  column([](const Row& row) { return row.first_seq.value; });
  column([](const Row& row) { return row.first_seq.value + (row.last - row.first); });
  params.add(to_bigint(bytes_max));
  const auto answer = connection_->call(entries_statement);
  if (!answer) return refusal(answer.error());
  for (int i = 0; i < answer->size(); ++i) {
    const Seq seq = id_at<Seq>(*answer, i, 1);
    entries.try_emplace({id_at<ConversationId>(*answer, i, 0), seq},
                        Entry{seq, user_at(*answer, i, 2), array_at<16>(*answer, i, 3),
                              static_cast<std::uint16_t>(answer->integer(i, 4)),
                              std::string(answer->bytes(i, 5)), answer->bigint(i, 6)});
  }
  return entries;
}

Status PgEventStore::acknowledge(InstanceId subscriber, EventCursor cursor) {
  PgParams& params = connection_->params();
  params.add(to_bigint(subscriber));
  params.add(to_bigint(cursor));
  if (auto done = connection_->call(acknowledge_statement); !done) return refusal(done.error());
  return {};
}

Result<bool> PgEventStore::wants_presence() {
  connection_->params();
  const auto rows = connection_->call(wants_presence_statement);
  if (!rows) return refusal(rows.error());
  return rows->size() != 0;
}

Status PgEventStore::note_presence(std::span<const PresenceChange> changes) {
  std::map<UserId, PresenceChange> by_user;
  for (const PresenceChange& change : changes) by_user.insert_or_assign(change.user, change);
  if (by_user.empty()) return {};
  PgParams& params = connection_->params();
  params.add_array(PgType::integer, by_user.size());
  for (const auto& [user, change] : by_user) params.element(to_integer(user));
  params.add_array(PgType::integer, by_user.size());
  for (const auto& [user, change] : by_user)
    params.element(static_cast<std::int32_t>(change.online));
  params.add(changes.back().time_ms);
  if (auto done = connection_->call(presence_statement); !done) return refusal(done.error());
  return {};
}

Result<Swept> PgEventStore::sweep(ConversationId after, std::int64_t now_ms, Busy busy) {
  PgParams& params = connection_->params();
  params.add(to_bigint(after));
  params.add(static_cast<std::int32_t>(limits::sweep_conversations_max));
  params.add(now_ms);
  const auto rows =
      connection_->call(busy == Busy::skip ? sweep_statement : patient_sweep_statement);
  if (!rows) return refusal(rows.error());
  Swept swept{static_cast<std::uint32_t>(rows->integer(0, 0)), {}};
  if (swept.conversations == limits::sweep_conversations_max)
    swept.last = id_at<ConversationId>(*rows, 0, 1);
  return swept;
}

Result<Trimmed> PgEventStore::trim(const EventRetention& retention) {
  PgParams& params = connection_->params();
  params.add(retention.oldest_ms);
  params.add(to_bigint(retention.events_max));
  params.add(static_cast<std::int32_t>(limits::events_trim_max));
  const auto late = connection_->call(expire_statement);
  if (!late) return refusal(late.error());

  connection_->params().add(static_cast<std::int32_t>(limits::events_trim_max));
  const auto removed = connection_->call(remove_statement);
  if (!removed) return refusal(removed.error());
  return Trimmed{static_cast<std::uint64_t>(removed->bigint(0, 0)),
                 static_cast<std::uint32_t>(late->size())};
}

Result<OutboxState> PgEventStore::state() {
  connection_->params();
  const auto rows = connection_->call(state_statement);
  if (!rows) return refusal(rows.error());
  OutboxState state{id_at<EventCursor>(*rows, 0, 0), {}, rows->integer(0, 1) != 0};
  for (int row = 0; row < rows->size(); ++row) {
    if (rows->is_null(row, 2)) continue;
    state.subscribers.push_back({InstanceId{std::bit_cast<std::uint64_t>(rows->bigint(row, 2))},
                                 kinds_at(*rows, row, 3), id_at<EventCursor>(*rows, row, 5)});
  }
  return state;
}

}  // namespace parley
