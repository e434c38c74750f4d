#include "tests/fault/final_dump.h"

#include <charconv>

namespace parley::test {
namespace {

std::uint64_t number(const std::string& text) {
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

ClientMessageId client_id(const std::string& hex) {
  const std::string bytes = from_hex(hex);
  ClientMessageId id{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), id.size()), id.begin());
  return id;
}

void dump_rows(Cluster& cluster, History& history) {
  const auto rows = cluster.sql(
      "SELECT conversation, seq, sender, replace(client_id::text, '-', ''), encode(body, 'hex'), "
      "time_ms"
      "  FROM parley.log ORDER BY conversation, seq");
  for (const auto& row : rows)
    history.add(monotonic_now(), "database",
                Row{.key = {.conversation = ConversationId{number(row[0])},
                            .sender = UserId{number(row[2])},
                            .client_id = client_id(row[3])},
                    .seq = Seq{number(row[1])},
                    .body = body_hash(from_hex(row[4])),
                    .time_ms = static_cast<std::int64_t>(number(row[5]))});
  history.add(monotonic_now(), "database", Dumped{.rows = rows.size()});
}

void dump_cursors(Cluster& cluster, History& history) {
  for (const auto& [whose, cursors] : cursors_of(cluster))
    history.add(monotonic_now(), "database",
                ReceiptAcked{.user = whose.first,
                             .conversation = whose.second,
                             .received = cursors.first,
                             .read = cursors.second});
}

}  // namespace

std::map<ConversationId, Seq> heads_of(Cluster& cluster) {
  std::map<ConversationId, Seq> heads;
  for (const auto& row : cluster.sql("SELECT id, head FROM parley.conversation"))
    heads[ConversationId{number(row[0])}] = Seq{number(row[1])};
  return heads;
}

CursorMap cursors_of(Cluster& cluster) {
  CursorMap cursors;
  for (const auto& row :
       cluster.sql("SELECT account, conversation, received, read FROM parley.user_conversation"))
    cursors[{UserId{number(row[0])}, ConversationId{number(row[1])}}] = {Seq{number(row[2])},
                                                                         Seq{number(row[3])}};
  return cursors;
}

void dump_database(Cluster& cluster, History& history) {
  dump_rows(cluster, history);
  for (const auto& [conversation, head] : heads_of(cluster))
    history.add(monotonic_now(), "database", Head{.conversation = conversation, .seq = head});
  dump_cursors(cluster, history);
}

}  // namespace parley::test
