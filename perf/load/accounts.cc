#include "perf/load/accounts.h"

#include "base/random.h"
#include "perf/postgres.h"
#include "workers/login_options.h"
#include "workers/tokens.h"

namespace parley::perf {
namespace {

constexpr const char* accounts_sql =
    "INSERT INTO parley.account (name, nickname, password_hash)"
    "  SELECT $1::text || nth, 'load', '*' FROM generate_series(1, $2::bigint) AS nth RETURNING id";

constexpr const char* devices_sql =
    "INSERT INTO parley.device (account, id, class, generation, token, access_token, rotation_key,"
    "    rotated_ms, device_expires_ms, family_expires_ms, access_expires_ms)"
    "  SELECT account, id, 1, 0, access, access, access, 0, $4::bigint, $4::bigint, $4::bigint"
    "  FROM unnest($1::integer[], $2::bigint[], $3::bytea[]) AS d(account, id, access)";

std::string_view bytes_of(const TokenHash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

Result<std::vector<LoadAccount>> make_users(Postgres& database, std::size_t count) {
  const std::string prefix = "load-" + std::to_string(secure_random_id()) + "-";
  PgParams params;
  params.add(prefix);
  params.add(static_cast<std::int64_t>(count));
  PARLEY_TRY(const PgRows rows, database.run(accounts_sql, params));
  std::vector<LoadAccount> accounts;
  for (int row = 0; row < rows.size(); ++row)
    accounts.push_back({.user = UserId{static_cast<std::uint64_t>(rows.integer(row, 0))},
                        .device = DeviceId{secure_random_id()},
                        .access_token = string_of(new_token())});
  return accounts;
}

Status give_devices(Postgres& database, const std::vector<LoadAccount>& accounts) {
  PgParams params;
  params.add_array(PgType::integer, accounts.size());
  for (const LoadAccount& account : accounts)
    params.element(static_cast<std::int32_t>(account.user.value));
  params.add_array(PgType::bigint, accounts.size());
  for (const LoadAccount& account : accounts)
    params.element(static_cast<std::int64_t>(account.device.value));
  params.add_array(PgType::bytea, accounts.size());
  for (const LoadAccount& account : accounts)
    params.element(bytes_of(hash_of(*token_from(account.access_token))));
  params.add(wall_clock_ms() + access_token_ms);
  PARLEY_CHECK(database.run(devices_sql, params));
  return {};
}

}  // namespace

Result<std::vector<LoadAccount>> make_accounts(const std::string& database_url, std::size_t count) {
  PARLEY_TRY(Postgres database, Postgres::open(database_url));
  PARLEY_TRY(std::vector<LoadAccount> accounts, make_users(database, count));
  PARLEY_CHECK(give_devices(database, accounts));
  return accounts;
}

}  // namespace parley::perf
