#include "client/sqlite_log.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace parley::client {
namespace {

constexpr int format_version = 1;
constexpr const char* schema = R"(
  CREATE TABLE identity (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    device INTEGER NOT NULL, user INTEGER NOT NULL, device_token BLOB NOT NULL);
  CREATE TABLE conversation (
    id INTEGER PRIMARY KEY, last INTEGER NOT NULL,
    received INTEGER NOT NULL DEFAULT 0, read INTEGER NOT NULL DEFAULT 0,
    peer_received INTEGER NOT NULL DEFAULT 0, peer_read INTEGER NOT NULL DEFAULT 0);
  CREATE TABLE entry (
    conversation INTEGER NOT NULL, seq INTEGER NOT NULL, sender INTEGER NOT NULL,
    client_id BLOB NOT NULL, kind INTEGER NOT NULL, body BLOB NOT NULL, time_ms INTEGER NOT NULL,
    PRIMARY KEY (conversation, seq)) WITHOUT ROWID;
  CREATE TABLE outbox (
    place INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE,
    conversation INTEGER NOT NULL, kind INTEGER NOT NULL, body BLOB NOT NULL);
  PRAGMA user_version = 1;
)";

// One use of one statement. Errors stick: after the first, every call does nothing and finish() tells it.
class Statement {
 public:
  Statement(sqlite3* db, const char* sql) : db_(db) {
    code_ = sqlite3_prepare_v2(db, sql, -1, &statement_, nullptr);
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(std::uint64_t value) { return bind(static_cast<std::int64_t>(value)); }
  Statement& bind(std::int64_t value) {
    if (code_ == SQLITE_OK) code_ = sqlite3_bind_int64(statement_, ++bound_, value);
    return *this;
  }
  // Not copied: must live until the statement has run.
  Statement& bind(std::string_view bytes) {
    const auto size = static_cast<sqlite3_uint64>(bytes.size());
    const char* data = bytes.empty() ? "" : bytes.data();
    if (code_ == SQLITE_OK)
      code_ = sqlite3_bind_blob64(statement_, ++bound_, data, size, SQLITE_STATIC);
    return *this;
  }
  Statement& bind(const ClientMessageId& id) {
    return bind(std::string_view(reinterpret_cast<const char*>(id.data()), id.size()));
  }

  // Steps to the next row; false: there is none, or an error (finish() tells).
  bool row() {
    if (code_ == SQLITE_OK || code_ == SQLITE_ROW) code_ = sqlite3_step(statement_);
    column_ = 0;
    return code_ == SQLITE_ROW;
  }
  std::uint64_t number() { return static_cast<std::uint64_t>(signed_number()); }
  std::int64_t signed_number() { return sqlite3_column_int64(statement_, column_++); }
  std::string bytes() {
    const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column_));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column_++));
    return data == nullptr ? std::string() : std::string(data, size);
  }
  ClientMessageId message_id() {
    const std::string from = bytes();
    ClientMessageId id{};
    std::memcpy(id.data(), from.data(), std::min(from.size(), id.size()));
    return id;
  }

  // Runs what is left. conflict: a unique row is there already.
  Status finish() {
    while (row()) {
    }
    if (code_ == SQLITE_DONE) return {};
    const bool taken = code_ == SQLITE_CONSTRAINT;
    return fail(taken ? Errc::conflict : Errc::io,
                "local log: " + std::string(sqlite3_errmsg(db_)));
  }

 private:
  sqlite3* db_;
  sqlite3_stmt* statement_ = nullptr;
  int code_;
  int bound_ = 0;
  int column_ = 0;
};

class SqliteLog : public LocalLog {
 public:
  explicit SqliteLog(sqlite3* db) : db_(db) {}
  ~SqliteLog() override { sqlite3_close(db_); }
  SqliteLog(const SqliteLog&) = delete;
  SqliteLog& operator=(const SqliteLog&) = delete;

  Status open();
  Result<std::optional<Identity>> identity() override;
  Status save_identity(const Identity& identity) override;
  Result<std::vector<LoggedConversation>> conversations() override;
  Status begin_conversation(ConversationId conversation, Seq last) override;
  Status append(ConversationId conversation, std::span<const Entry> entries) override;
  Status save_cursors(ConversationId conversation, const Cursors& mine,
                      const Cursors& peer) override;
  Result<std::vector<Entry>> entries(ConversationId conversation, Seq before,
                                     std::size_t limit) override;
  Status queue(const Outgoing& message) override;
  Status unqueue(const ClientMessageId& id) override;
  Result<std::vector<Outgoing>> queued() override;

 private:
  Status run(const char* sql);
  Status insert_following(ConversationId conversation, std::span<const Entry> entries);

  sqlite3* db_;
};

Status SqliteLog::run(const char* sql) {
  const int code = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) return {};
  if (code == SQLITE_BUSY)
    return fail(Errc::conflict, "the local log is in use by another process");
  return fail(code == SQLITE_NOTADB ? Errc::config : Errc::io,
              "local log: " + std::string(sqlite3_errmsg(db_)));
}

Status SqliteLog::open() {
  PARLEY_CHECK(run("PRAGMA locking_mode = EXCLUSIVE"));
  // In this locking mode the lock that this takes is kept until the file is closed.
  PARLEY_CHECK(run("BEGIN EXCLUSIVE; COMMIT"));
  PARLEY_CHECK(run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL"));
  Statement asked(db_, "PRAGMA user_version");
  const std::uint64_t found = asked.row() ? asked.number() : 0;
  PARLEY_CHECK(asked.finish());
  if (found == format_version) return {};
  if (found != 0)
    return fail(Errc::config, "the local log has format " + std::to_string(found) + ", we know " +
                                  std::to_string(format_version));
  return run(("BEGIN;" + std::string(schema) + "COMMIT").c_str());
}

Result<std::optional<Identity>> SqliteLog::identity() {
  Statement asked(db_, "SELECT device, user, device_token FROM identity");
  std::optional<Identity> identity;
  while (asked.row()) {
    identity.emplace();
    identity->device = DeviceId{asked.number()};
    identity->user = UserId{asked.number()};
    identity->device_token = asked.bytes();
  }
  PARLEY_CHECK(asked.finish());
  return identity;
}

Status SqliteLog::save_identity(const Identity& identity) {
  return Statement(db_, "INSERT OR REPLACE INTO identity VALUES (1, ?, ?, ?)")
      .bind(identity.device.value)
      .bind(identity.user.value)
      .bind(identity.device_token)
      .finish();
}

Result<std::vector<LoggedConversation>> SqliteLog::conversations() {
  Statement asked(db_,
                  "SELECT id, last, received, read, peer_received, peer_read FROM conversation"
                  " ORDER BY id");
  std::vector<LoggedConversation> all;
  while (asked.row()) {
    LoggedConversation& state = all.emplace_back();
    state.conversation = ConversationId{asked.number()};
    state.last = Seq{asked.number()};
    state.mine.received = Seq{asked.number()};
    state.mine.read = Seq{asked.number()};
    state.peer.received = Seq{asked.number()};
    state.peer.read = Seq{asked.number()};
  }
  PARLEY_CHECK(asked.finish());
  return all;
}

Status SqliteLog::begin_conversation(ConversationId conversation, Seq last) {
  return Statement(db_, "INSERT INTO conversation (id, last) VALUES (?, ?)")
      .bind(conversation.value)
      .bind(last.value)
      .finish();
}

Status SqliteLog::append(ConversationId conversation, std::span<const Entry> entries) {
  PARLEY_CHECK(run("BEGIN"));
  Status done = insert_following(conversation, entries);
  if (done) done = run("COMMIT");
  // SQLite may have rolled back by itself; then there is nothing to roll back and nothing to be told.
  if (!done) sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
  return done;
}

Status SqliteLog::insert_following(ConversationId conversation, std::span<const Entry> entries) {
  Statement asked(db_, "SELECT last FROM conversation WHERE id = ?");
  if (!asked.bind(conversation.value).row()) {
    PARLEY_CHECK(asked.finish());
    return fail(Errc::not_found, "unknown conversation");
  }
  std::uint64_t last = asked.number();
  PARLEY_CHECK(asked.finish());
  for (const Entry& entry : entries) {
    if (entry.seq.value != last + 1) return fail(Errc::conflict, "the entry does not follow");
    last = entry.seq.value;
    PARLEY_CHECK(Statement(db_, "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)")
                     .bind(conversation.value)
                     .bind(entry.seq.value)
                     .bind(entry.sender.value)
                     .bind(entry.client_id)
                     .bind(static_cast<std::uint64_t>(entry.kind))
                     .bind(entry.body)
                     .bind(entry.time_ms)
                     .finish());
  }
  return Statement(db_, "UPDATE conversation SET last = ? WHERE id = ?")
      .bind(last)
      .bind(conversation.value)
      .finish();
}

Status SqliteLog::save_cursors(ConversationId conversation, const Cursors& mine,
                               const Cursors& peer) {
  const Cursors own = Cursors::furthest(mine, {});
  const Cursors other = Cursors::furthest(peer, {});
  PARLEY_CHECK(Statement(db_,
                         "UPDATE conversation SET received = max(received, ?), read = max(read, ?),"
                         " peer_received = max(peer_received, ?), peer_read = max(peer_read, ?)"
                         " WHERE id = ?")
                   .bind(own.received.value)
                   .bind(own.read.value)
                   .bind(other.received.value)
                   .bind(other.read.value)
                   .bind(conversation.value)
                   .finish());
  if (sqlite3_changes(db_) == 0) return fail(Errc::not_found, "unknown conversation");
  return {};
}

Result<std::vector<Entry>> SqliteLog::entries(ConversationId conversation, Seq before,
                                              std::size_t limit) {
  Statement asked(db_,
                  "SELECT seq, sender, client_id, kind, body, time_ms FROM entry"
                  " WHERE conversation = ? AND seq < ? ORDER BY seq DESC LIMIT ?");
  asked.bind(conversation.value)
      .bind(before ? before.value : static_cast<std::uint64_t>(INT64_MAX))
      .bind(static_cast<std::uint64_t>(limit));
  std::vector<Entry> found;
  while (asked.row()) {
    Entry& entry = found.emplace_back();
    entry.conversation = conversation;
    entry.seq = Seq{asked.number()};
    entry.sender = UserId{asked.number()};
    entry.client_id = asked.message_id();
    entry.kind = static_cast<MessageKind>(asked.number());
    entry.body = asked.bytes();
    entry.time_ms = asked.signed_number();
  }
  PARLEY_CHECK(asked.finish());
  std::ranges::reverse(found);
  return found;
}

Status SqliteLog::queue(const Outgoing& message) {
  return Statement(db_, "INSERT INTO outbox (id, conversation, kind, body) VALUES (?, ?, ?, ?)")
      .bind(message.id)
      .bind(message.conversation.value)
      .bind(static_cast<std::uint64_t>(message.kind))
      .bind(message.body)
      .finish();
}

Status SqliteLog::unqueue(const ClientMessageId& id) {
  return Statement(db_, "DELETE FROM outbox WHERE id = ?").bind(id).finish();
}

Result<std::vector<Outgoing>> SqliteLog::queued() {
  Statement asked(db_, "SELECT id, conversation, kind, body FROM outbox ORDER BY place");
  std::vector<Outgoing> all;
  while (asked.row()) {
    Outgoing& message = all.emplace_back();
    message.id = asked.message_id();
    message.conversation = ConversationId{asked.number()};
    message.kind = static_cast<MessageKind>(asked.number());
    message.body = asked.bytes();
  }
  PARLEY_CHECK(asked.finish());
  return all;
}

// SQLite creates its files under the umask; its journal copies the mode of the database. So we create that.
Status make_private_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    const Errc code = errno == ELOOP ? Errc::config : Errc::io;
    return fail(code, path + ": " + std::strerror(errno));
  }
  struct stat info {};
  const bool is_ours = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == geteuid();
  const bool is_private = is_ours && fchmod(fd, 0600) == 0;
  close(fd);
  return is_private ? Status{} : fail(Errc::config, path + ": not a regular file of ours");
}

}  // namespace

Result<std::unique_ptr<LocalLog>> open_sqlite_log(const std::string& path) {
  PARLEY_CHECK(make_private_file(path));
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE, nullptr);
  auto log = std::make_unique<SqliteLog>(db);
  if (code != SQLITE_OK) return fail(Errc::io, path + ": " + sqlite3_errstr(code));
  PARLEY_CHECK(log->open());
  return log;
}

}  // namespace parley::client
