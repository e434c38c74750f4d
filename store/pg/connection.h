// One connection to PostgreSQL: opened when it is first needed, and again by the next call after it
// was lost; when that fails, not more often than Reconnect allows. One thread.
//
// Every wait ends, whatever the server does (a stopped server, a cut network): then the connection
// is given up, and the answer is retry_later. Connecting takes up to connect_limit; the answer to a
// statement up to call_limit. A connection that has just been opened sends two statements for its
// session first, and a statement that it has not seen is prepared first.
//
// A connection on which a commit would not be durable is refused when it opens (see durability.h);
// what its session commits later is as durable as it was then, unless fsync or full_page_writes,
// which are the whole server's, are switched off.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <unordered_set>

#include "base/clock.h"
#include "store/pg/failure.h"
#include "store/pg/params.h"
#include "store/pg/reconnect.h"

struct pg_conn;
struct pg_result;

namespace parley {

// A statement that is prepared on each connection when it is first used. Both are literals.
struct PgStatement {
  const char* name;
  const char* sql;
};

// Rows of an answer, in binary. The caller knows the types. Requires: row and column exist.
class PgRows {
 public:
  explicit PgRows(pg_result* result) : result_(result) {}
  int size() const;
  bool is_null(int row, int column) const;
  std::int64_t bigint(int row, int column) const;
  std::int32_t integer(int row, int column) const;
  std::string_view bytes(int row, int column) const;  // also text and uuid

 private:
  struct Free {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Free> result_;
};

class PgConnection {
 public:
  static constexpr Duration connect_limit = 2s;
  // Longer than the role's statement_timeout (3 s), which normally comes first and keeps the
  // connection.
  static constexpr Duration call_limit = 5s;

  enum class Purpose { serve, administer };

  // `administer`: for migrations and checks: no durability check, no session settings, and one
  // session only: what it has locked and set ends with it, so it is not opened again.
  PgConnection(std::string url, Purpose purpose);
  ~PgConnection();
  PgConnection(const PgConnection&) = delete;
  PgConnection& operator=(const PgConnection&) = delete;

  // Where the caller puts the parameters of its next call.
  PgParams& params();
  // Runs a statement as a transaction of its own: committed if it has an answer. A connection that
  // died while idle is replaced unseen; so is one failure that is_worth_one_retry.
  PgOutcome<PgRows> call(const PgStatement& statement);
  // Runs SQL without parameters, also several statements, which are then one transaction unless the
  // text says otherwise; the rows of the last one, as text.
  PgOutcome<PgRows> run(const std::string& sql, Duration limit = call_limit);

 private:
  struct Close {
    void operator()(pg_conn* connection) const;
  };

  PgOutcome<void> ensure_open();
  PgOutcome<void> open();
  PgOutcome<void> settle_session();
  bool is_alive() const;
  PgOutcome<PgRows> call_once(const PgStatement& statement);
  PgOutcome<void> ensure_prepared(const PgStatement& statement);
  PgOutcome<PgRows> await_answer(Duration limit);
  PgOutcome<void> flush(Instant deadline);
  PgOutcome<pg_result*> next_result(Instant deadline);
  PgOutcome<void> await_socket(short events, Instant deadline);
  PgFailure lost(const std::string& what);

  std::string url_;
  Purpose purpose_;
  Reconnect reconnect_;
  bool was_opened_ = false;  // or tried
  std::unique_ptr<pg_conn, Close> connection_;
  std::unordered_set<const char*> prepared_;
  PgParams params_;
};

}  // namespace parley
