#include "perf/load/verify.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>
#include <utility>

#include "perf/load/written_message.h"
#include "perf/postgres.h"

namespace parley::perf {
namespace {

constexpr const char* rows_sql =
    "SELECT seq, sender, client_id FROM parley.log WHERE conversation = $1 ORDER BY seq";

// Which message of its sender a client id belongs to; nothing if this run did not choose it.
std::optional<std::uint32_t> nth_of(std::string_view client_id, std::uint64_t run,
                                    const Writer& writer) {
  std::uint32_t n = 0;
  std::memcpy(&n, client_id.data() + 12, sizeof n);
  const ClientMessageId ours = message_id(run, writer.user, n);
  const std::string_view expected(reinterpret_cast<const char*>(ours.data()), ours.size());
  if (client_id != expected || n >= writer.acked.size()) return std::nullopt;
  return n;
}

std::uint64_t acks_of(const Writer& writer) {
  const auto acked = [](std::uint64_t seq) { return seq != 0; };
  return static_cast<std::uint64_t>(std::ranges::count_if(writer.acked, acked));
}

Status verify(Postgres& database, std::uint64_t run, const WrittenConversation& conversation,
              RowCounts& counts) {
  PgParams params;
  params.add(static_cast<std::int64_t>(conversation.id.value));
  PARLEY_TRY(const PgRows rows, database.run_prepared("rows", params));
  std::set<std::pair<UserId, std::uint32_t>> unacked;
  for (int row = 0; row < rows.size(); ++row) {
    const auto seq = static_cast<std::uint64_t>(rows.bigint(row, 0));
    const UserId sender{static_cast<std::uint64_t>(rows.integer(row, 1))};
    const Writer& writer = sender == conversation.a.user ? conversation.a : conversation.b;
    const auto n = nth_of(rows.bytes(row, 2), run, writer);
    const bool in_place = seq == static_cast<std::uint64_t>(row) + 1;
    if (!n || writer.user != sender || !in_place) ++counts.foreign;
    else if (writer.acked[*n] == seq) ++counts.found;
    else if (writer.acked[*n] == 0 && unacked.emplace(sender, *n).second) ++counts.unacked;
    else ++counts.foreign;
  }
  counts.expected += acks_of(conversation.a) + acks_of(conversation.b);
  return {};
}

}  // namespace

Result<RowCounts> verify_rows(const std::string& database_url, std::uint64_t run,
                              std::span<const WrittenConversation> conversations) {
  PARLEY_TRY(Postgres database, Postgres::open(database_url));
  PARLEY_CHECK(database.prepare("rows", rows_sql));
  RowCounts counts;
  for (const WrittenConversation& conversation : conversations)
    PARLEY_CHECK(verify(database, run, conversation, counts));
  return counts;
}

}  // namespace parley::perf
