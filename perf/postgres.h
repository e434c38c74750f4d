// A plain libpq connection: for baselines, which must not be slowed down by what we built around
// it, and for looking at rows afterwards. One thread; calls block.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "store/pg/connection.h"
#include "store/pg/params.h"

namespace parley::perf {

class Postgres {
 public:
  // io: what libpq said.
  static Result<Postgres> open(const std::string& url);

  // Runs one statement with parameters; rows come back in binary. io: what the server said.
  Result<PgRows> run(const char* sql, PgParams& params);
  Result<PgRows> run(const char* sql);
  // The same, prepared once under a name.
  Status prepare(const char* name, const char* sql);
  Result<PgRows> run_prepared(const char* name, PgParams& params);

 private:
  struct Close {
    void operator()(pg_conn* connection) const;
  };
  explicit Postgres(pg_conn* connection) : connection_(connection) {}
  Result<PgRows> checked(pg_result* result);
  std::unique_ptr<pg_conn, Close> connection_;
};

}  // namespace parley::perf
