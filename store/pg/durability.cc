#include "store/pg/durability.h"

#include "store/pg/connection.h"

namespace parley {

// remote_apply is on, and waits for the replicas as well.
const char* const session_durability_sql =
    "SELECT name || ' = ' || setting FROM pg_settings"
    " WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes')"
    " AND setting NOT IN ('on', 'remote_apply')";

namespace {

// What ALTER DATABASE and ALTER ROLE have set, for this database or for all. Any role's: the next
// worker may run as that one.
constexpr const char* stored_durability_sql =
    "SELECT coalesce('role ' || r.rolname, 'database ' || d.datname) || ': ' || c.setting"
    " FROM pg_db_role_setting s"
    " LEFT JOIN pg_roles r ON r.oid = s.setrole"
    " LEFT JOIN pg_database d ON d.oid = s.setdatabase,"
    " unnest(s.setconfig) AS c(setting)"
    " WHERE (s.setdatabase = 0 OR d.datname = current_database())"
    " AND c.setting ~* '^(fsync|synchronous_commit|full_page_writes)='"
    " AND c.setting !~* '=(on|true|yes|1|remote_apply)$'";

Status expect_none(PgConnection& connection, const char* sql) {
  const auto rows = connection.run(sql);
  if (!rows) return refusal(rows.error());
  if (rows->size() == 0) return {};
  return fail(Errc::config, "PostgreSQL would acknowledge what it may lose: " +
                                std::string(rows->bytes(0, 0)) + "; set it to on");
}

}  // namespace

Status check_durability(const StoreOptions& options) {
  PgConnection connection(options.database_url, PgConnection::Purpose::administer);
  PARLEY_CHECK(expect_none(connection, session_durability_sql));
  return expect_none(connection, stored_durability_sql);
}

}  // namespace parley
