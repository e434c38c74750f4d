#include "perf/postgres.h"

#include <libpq-fe.h>

namespace parley::perf {

void Postgres::Close::operator()(pg_conn* connection) const { PQfinish(connection); }

Result<Postgres> Postgres::open(const std::string& url) {
  Postgres opened(PQconnectdb(url.c_str()));
  if (PQstatus(opened.connection_.get()) != CONNECTION_OK)
    return fail(Errc::io, PQerrorMessage(opened.connection_.get()));
  return opened;
}

Result<PgRows> Postgres::checked(pg_result* result) {
  PgRows rows(result);
  const ExecStatusType status = PQresultStatus(result);
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) return rows;
  return fail(Errc::io, PQerrorMessage(connection_.get()));
}

Result<PgRows> Postgres::run(const char* sql, PgParams& params) {
  return checked(PQexecParams(connection_.get(), sql, params.count(), nullptr, params.values(),
                              params.sizes(), params.formats(), 1));
}

Result<PgRows> Postgres::run(const char* sql) {
  PgParams none;
  return run(sql, none);
}

Status Postgres::prepare(const char* name, const char* sql) {
  PARLEY_CHECK(checked(PQprepare(connection_.get(), name, sql, 0, nullptr)));
  return {};
}

Result<PgRows> Postgres::run_prepared(const char* name, PgParams& params) {
  return checked(PQexecPrepared(connection_.get(), name, params.count(), params.values(),
                                params.sizes(), params.formats(), 1));
}

}  // namespace parley::perf
