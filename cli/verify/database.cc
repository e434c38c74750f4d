#include "cli/verify/database.h"

#include <algorithm>
#include <charconv>

namespace parley::verify {
namespace {

// Of one statement: as much as it can do well within the role's statement_timeout.
constexpr int rows_per_call = 20'000;

std::uint64_t number(const PgRows& rows, int row, int column) {
  const std::string_view text = rows.bytes(row, column);
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    unsigned byte = 0;
    std::from_chars(hex.data() + i, hex.data() + i + 2, byte, 16);
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

ClientMessageId client_id(std::string_view hex) {
  const std::string bytes = from_hex(hex);
  ClientMessageId id{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), id.size()), id.begin());
  return id;
}

std::string list_of(const Conversations& conversations) {
  std::string list = "(0";
  for (const ConversationId conversation : conversations)
    list += "," + std::to_string(conversation.value);
  return list + ")";
}

}  // namespace

Database::Database(std::string url) : connection_(std::move(url), PgConnection::Purpose::serve) {}

Result<PgRows> Database::run(const std::string& sql) {
  auto rows = connection_.run(sql);
  if (!rows) return refusal(rows.error());
  return std::move(*rows);
}

Result<std::map<ConversationId, Seq>> Database::heads(const Conversations& of) {
  PARLEY_TRY(const PgRows rows,
             run("SELECT id, head FROM parley.conversation WHERE id IN " + list_of(of)));
  std::map<ConversationId, Seq> heads;
  for (int row = 0; row < rows.size(); ++row)
    heads[ConversationId{number(rows, row, 0)}] = Seq{number(rows, row, 1)};
  return heads;
}

Result<CursorMap> Database::cursors(const Conversations& of) {
  PARLEY_TRY(const PgRows rows, run("SELECT account, conversation, received, read"
                                    "  FROM parley.user_conversation WHERE conversation IN " +
                                    list_of(of)));
  CursorMap cursors;
  for (int row = 0; row < rows.size(); ++row)
    cursors[{UserId{number(rows, row, 0)}, ConversationId{number(rows, row, 1)}}] = {
        Seq{number(rows, row, 2)}, Seq{number(rows, row, 3)}};
  return cursors;
}

Result<std::uint64_t> Database::dump_log(ConversationId conversation, History& history) {
  std::uint64_t count = 0;
  for (std::uint64_t after = 0;;) {
    PARLEY_TRY(const PgRows rows,
               run("SELECT seq, sender, replace(client_id::text, '-', ''), encode(body, 'hex'),"
                   " time_ms FROM parley.log WHERE conversation = " +
                   std::to_string(conversation.value) + " AND seq > " + std::to_string(after) +
                   " ORDER BY seq LIMIT " + std::to_string(rows_per_call)));
    for (int row = 0; row < rows.size(); ++row) {
      after = number(rows, row, 0);
      history.add(monotonic_now(), "database",
                  Row{.key = {.conversation = conversation,
                              .sender = UserId{number(rows, row, 1)},
                              .client_id = client_id(rows.bytes(row, 2))},
                      .seq = Seq{after},
                      .body = body_hash(from_hex(rows.bytes(row, 3))),
                      .time_ms = static_cast<std::int64_t>(number(rows, row, 4))});
    }
    count += static_cast<std::uint64_t>(rows.size());
    if (rows.size() < rows_per_call) return count;
  }
}

Status Database::dump(const Conversations& of, History& history) {
  std::uint64_t count = 0;
  for (const ConversationId conversation : of) {
    PARLEY_TRY(const std::uint64_t rows, dump_log(conversation, history));
    count += rows;
  }
  PARLEY_TRY(const auto tops, heads(of));
  PARLEY_TRY(const CursorMap stand, cursors(of));
  for (const auto& [conversation, head] : tops)
    history.add(monotonic_now(), "database", Head{.conversation = conversation, .seq = head});
  for (const auto& [whose, cursor] : stand) {
    history.add(monotonic_now(), "database",
                ListRow{.user = whose.first, .conversation = whose.second});
    history.add(monotonic_now(), "database",
                ReceiptAcked{.user = whose.first,
                             .conversation = whose.second,
                             .received = cursor.first,
                             .read = cursor.second});
  }
  history.add(monotonic_now(), "database",
              Dumped{.rows = count, .heads = tops.size(), .lists = stand.size()});
  return {};
}

}  // namespace parley::verify
