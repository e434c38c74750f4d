#include "store/pg/connection.h"

#include <libpq-fe.h>
#include <poll.h>

#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "base/random.h"
#include "store/pg/durability.h"

namespace parley {
namespace {

// Every query of ours is by key: a plan that scans a table is wrong at any size. It also fixes the
// order of row locks: through the primary key, or in the sorted order of the parameters, but never
// in heap order.
//
// What is left over (tables of a few rows without a key) costs the planner a fortune in numbers, for
// which it would compile the query: 0.2 s instead of 0.2 ms (store/README.md).
//
// synchronous_commit keeps the value that it is about to be checked with (remote_apply, too): a
// server whose files are changed and reloaded would take it from open sessions, unnoticed.
constexpr const char* session_settings =
    "SET enable_seqscan = off;"
    "SET jit = off;"
    "SELECT set_config('synchronous_commit', current_setting('synchronous_commit'), false)";

template <typename T>
T from_big_endian(const char* bytes) {
  T value;
  __builtin_memcpy(&value, bytes, sizeof value);
  if constexpr (sizeof value == 8)
    return static_cast<T>(__builtin_bswap64(value));
  else
    return static_cast<T>(__builtin_bswap32(value));
}

PgFailure failure_of(const pg_result* result) {
  const char* sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  // The message alone: the DETAIL of a constraint names values of the row.
  const char* message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  return pg_failure(sqlstate == nullptr ? "" : sqlstate,
                    message == nullptr ? PQresultErrorMessage(result) : message,
                    severity == nullptr ? "" : severity);
}

bool is_answer(const pg_result* result) {
  const ExecStatusType status = PQresultStatus(result);
  return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

void ignore_notice(void*, const pg_result*) {}

}  // namespace

void PgRows::Free::operator()(pg_result* result) const { PQclear(result); }
int PgRows::size() const { return PQntuples(result_.get()); }
bool PgRows::is_null(int row, int column) const {
  return PQgetisnull(result_.get(), row, column) != 0;
}
std::int64_t PgRows::bigint(int row, int column) const {
  PARLEY_ASSERT(PQgetlength(result_.get(), row, column) == 8);
  return from_big_endian<std::int64_t>(PQgetvalue(result_.get(), row, column));
}
std::int32_t PgRows::integer(int row, int column) const {
  PARLEY_ASSERT(PQgetlength(result_.get(), row, column) == 4);
  return from_big_endian<std::int32_t>(PQgetvalue(result_.get(), row, column));
}
std::string_view PgRows::bytes(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

void PgConnection::Close::operator()(pg_conn* connection) const { PQfinish(connection); }

PgConnection::PgConnection(std::string url, Purpose purpose)
    : url_(std::move(url)), purpose_(purpose), reconnect_(secure_random_id()) {}

PgConnection::~PgConnection() = default;

PgParams& PgConnection::params() {
  params_.reset();
  return params_;
}

PgOutcome<PgRows> PgConnection::call(const PgStatement& statement) {
  PgOutcome<PgRows> answer = call_once(statement);
  if (!answer && answer.error().is_worth_one_retry()) answer = call_once(statement);
  return answer;
}

PgOutcome<PgRows> PgConnection::call_once(const PgStatement& statement) {
  if (auto open = ensure_open(); !open) return tl::unexpected(open.error());
  if (auto ready = ensure_prepared(statement); !ready) return tl::unexpected(ready.error());
  if (PQsendQueryPrepared(connection_.get(), statement.name, params_.count(), params_.values(),
                          params_.sizes(), params_.formats(), 1) == 0) {
    return tl::unexpected(lost("send"));
  }
  return await_answer(call_limit);
}

PgOutcome<PgRows> PgConnection::run(const std::string& sql, Duration limit) {
  if (auto open = ensure_open(); !open) return tl::unexpected(open.error());
  if (PQsendQuery(connection_.get(), sql.c_str()) == 0) return tl::unexpected(lost("send"));
  return await_answer(limit);
}

PgOutcome<void> PgConnection::ensure_prepared(const PgStatement& statement) {
  if (prepared_.contains(statement.name)) return {};
  if (PQsendPrepare(connection_.get(), statement.name, statement.sql, 0, nullptr) == 0) {
    return tl::unexpected(lost("prepare"));
  }
  if (auto answer = await_answer(call_limit); !answer) return tl::unexpected(answer.error());
  prepared_.insert(statement.name);
  return {};
}

PgOutcome<void> PgConnection::ensure_open() {
  if (connection_ != nullptr && is_alive()) return {};
  connection_.reset();
  if (purpose_ == Purpose::administer && std::exchange(was_opened_, true))
    return tl::unexpected(pg_failure("", "the session is over, and its locks with it"));
  const Instant now = monotonic_now();
  if (!reconnect_.may_try(now)) {
    PgFailure failure = pg_failure("", "away; the next attempt is not due yet");
    failure.error.retry_after_ms = static_cast<std::uint32_t>(to_ms(reconnect_.wait(now))) + 1;
    return tl::unexpected(std::move(failure));
  }
  auto opened = open();
  if (opened && purpose_ == Purpose::serve) opened = settle_session();
  if (opened) {
    reconnect_.succeeded();
    return {};
  }
  connection_.reset();
  reconnect_.failed(monotonic_now());
  log::warn("store.postgres_away", {{"reason", opened.error().error.detail}});
  // Whatever the reason, it is not the caller's.
  opened.error().error.code = Errc::retry_later;
  return opened;
}

PgOutcome<void> PgConnection::open() {
  const Instant deadline = monotonic_now() + connect_limit;
  prepared_.clear();
  // What comes before dbname are defaults that the URL may override.
  const std::array keywords{"fallback_application_name", "tcp_user_timeout", "dbname",
                            "client_encoding", static_cast<const char*>(nullptr)};
  const std::array values{"parley", "5000", url_.c_str(), "UTF8",
                          static_cast<const char*>(nullptr)};
  connection_.reset(PQconnectStartParams(keywords.data(), values.data(), 1));
  PARLEY_ASSERT(connection_ != nullptr);
  PQsetNoticeReceiver(connection_.get(), ignore_notice, nullptr);
  if (PQstatus(connection_.get()) == CONNECTION_BAD) return tl::unexpected(lost("connect"));

  auto state = PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK) {
    if (state == PGRES_POLLING_FAILED) return tl::unexpected(lost("connect"));
    const short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (auto ready = await_socket(events, deadline); !ready) return ready;
    state = PQconnectPoll(connection_.get());
  }
  PQsetnonblocking(connection_.get(), 1);
  return {};
}

PgOutcome<void> PgConnection::settle_session() {
  const auto settled = [&](const char* sql) -> PgOutcome<PgRows> {
    if (PQsendQuery(connection_.get(), sql) == 0) return tl::unexpected(lost("send"));
    return await_answer(call_limit);
  };
  if (auto answer = settled(session_settings); !answer) return tl::unexpected(answer.error());
  auto weak = settled(session_durability_sql);
  if (!weak) return tl::unexpected(weak.error());
  if (weak->size() == 0) return {};
  const std::string what(weak->bytes(0, 0));
  log::error("store.not_durable", {{"setting", what}});
  return tl::unexpected(pg_failure("", "refused: a commit would not be durable: " + what));
}

// The server says goodbye by closing, perhaps after a last word: an idle connection that stays
// readable is a dead one. What can be read and is followed by silence is a notice or a changed
// setting.
bool PgConnection::is_alive() const {
  pollfd readable{PQsocket(connection_.get()), POLLIN, 0};
  while (poll(&readable, 1, 0) > 0) {
    if (PQconsumeInput(connection_.get()) == 0) return false;
  }
  return PQisBusy(connection_.get()) == 0 && PQstatus(connection_.get()) == CONNECTION_OK;
}

PgOutcome<PgRows> PgConnection::await_answer(Duration limit) {
  const Instant deadline = monotonic_now() + limit;
  if (auto sent = flush(deadline); !sent) return tl::unexpected(sent.error());

  PgRows last(nullptr);
  std::optional<PgFailure> refused;
  while (true) {
    const auto next = next_result(deadline);
    // A server that ends a connection says why before it closes; the reason is worth more than the
    // fact.
    if (!next) return tl::unexpected(refused ? *refused : next.error());
    if (*next == nullptr) break;
    PgRows rows(*next);
    if (is_answer(*next))
      last = std::move(rows);
    else
      refused = failure_of(*next);
  }
  if (!refused) return last;
  if (PQstatus(connection_.get()) != CONNECTION_OK) connection_.reset();
  return tl::unexpected(*std::move(refused));
}

PgOutcome<void> PgConnection::flush(Instant deadline) {
  for (int left = PQflush(connection_.get()); left != 0; left = PQflush(connection_.get())) {
    if (left < 0) return tl::unexpected(lost("send"));
    if (auto ready = await_socket(POLLIN | POLLOUT, deadline); !ready) return ready;
    if (PQconsumeInput(connection_.get()) == 0) return tl::unexpected(lost("send"));
  }
  return {};
}

PgOutcome<pg_result*> PgConnection::next_result(Instant deadline) {
  while (PQisBusy(connection_.get()) != 0) {
    if (auto ready = await_socket(POLLIN, deadline); !ready) return tl::unexpected(ready.error());
    if (PQconsumeInput(connection_.get()) == 0) return tl::unexpected(lost("receive"));
  }
  return PQgetResult(connection_.get());
}

PgOutcome<void> PgConnection::await_socket(short events, Instant deadline) {
  const int fd = PQsocket(connection_.get());
  while (true) {
    const Duration left = deadline - monotonic_now();
    if (left <= Duration::zero()) return tl::unexpected(lost("no answer in time"));
    pollfd watched{fd, events, 0};
    const int ready = poll(&watched, 1, static_cast<int>(to_ms(left)) + 1);
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return tl::unexpected(lost("poll"));
  }
}

PgFailure PgConnection::lost(const std::string& what) {
  std::string detail = what + ": " + PQerrorMessage(connection_.get());
  connection_.reset();
  return pg_failure("", std::move(detail));
}

}  // namespace parley
