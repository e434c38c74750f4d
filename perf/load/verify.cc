#include "perf/load/verify.h"

#include <cstring>
#include <optional>

#include "perf/postgres.h"

namespace parley::perf {
namespace {

constexpr const char* rows_sql =
    "SELECT seq, sender, client_id FROM parley.log WHERE conversation = $1 ORDER BY seq";

// Which message of its sender a client id belongs to; nothing if this run did not choose it.
std::optional<std::uint32_t> nth_of(std::string_view client_id, std::uint64_t run,
                                    const LoadClient& client) {
  std::uint32_t n = 0;
  std::memcpy(&n, client_id.data() + 12, sizeof n);
  const ClientMessageId ours = LoadClient::message_id(run, client.user(), n);
  const std::string_view expected(reinterpret_cast<const char*>(ours.data()), ours.size());
  if (client_id != expected || n >= client.acked().size())
    return std::nullopt;
  return n;
}

bool is_acked_there(const PgRows& rows, int row, std::uint64_t run, const LoadPair& pair) {
  const auto seq = static_cast<std::uint64_t>(rows.bigint(row, 0));
  const UserId sender{static_cast<std::uint64_t>(rows.integer(row, 1))};
  const LoadClient& client = sender == pair.a->user() ? *pair.a : *pair.b;
  const auto n = nth_of(rows.bytes(row, 2), run, client);
  return n && client.user() == sender && client.acked()[*n] == seq &&
         seq == static_cast<std::uint64_t>(row) + 1;
}

Status verify_pair(Postgres& database, std::uint64_t run, const LoadPair& pair, Tally& tally) {
  PgParams params;
  params.add(static_cast<std::int64_t>(pair.a->conversation().value));
  PARLEY_TRY(const PgRows rows, database.run_prepared("rows", params));
  for (int row = 0; row < rows.size(); ++row)
    ++(is_acked_there(rows, row, run, pair) ? tally.rows_found : tally.rows_foreign);
  tally.rows_expected += pair.a->acked_count() + pair.b->acked_count();
  return {};
}

}  // namespace

Status verify_rows(const std::string& database_url, std::uint64_t run,
                   std::span<const LoadPair> pairs, Tally& tally) {
  PARLEY_TRY(Postgres database, Postgres::open(database_url));
  PARLEY_CHECK(database.prepare("rows", rows_sql));
  for (const LoadPair& pair : pairs) PARLEY_CHECK(verify_pair(database, run, pair, tally));
  return {};
}

}  // namespace parley::perf
