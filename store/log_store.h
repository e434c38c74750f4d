// Conversations' logs: what was said, in which order. Keyed by conversation: an implementation touches
// rows of the conversation family only (DESIGN §7). Implementations: store/pg, store/memory; both pass
// tests/integration/store/log_store_contract. An object belongs to one thread; calls block (bounded by
// the database's statement timeout).
//
// Errors of all calls: retry_later (the database cannot answer now, or its answer was lost: repeating is
// safe), storage_full, internal.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace parley {

struct NewEntry {
  ConversationId conversation;
  UserId sender;
  ClientMessageId client_id{};
  std::uint16_t kind = 0;
  std::string_view body;
  std::int64_t time_ms = 0;  // wall clock, for people
};

struct Appended {
  Seq seq;
  std::int64_t time_ms = 0;  // that of the first time
  bool repeated = false;     // it was there already, word for word
};

struct Entry {
  Seq seq;
  UserId sender;
  ClientMessageId client_id{};
  std::uint16_t kind = 0;
  std::string body;
  std::int64_t time_ms = 0;
};

struct Page {
  std::vector<Entry> entries;  // ascending
  Seq head;                    // newest seq of the conversation; 0: empty or unknown
  bool more = false;           // the range goes on beyond what fitted
};

struct PageBound {
  std::uint32_t entries = 200;   // 1 … limits::page_max; others are cut to it
  std::size_t bytes = 40 << 10;  // a page ends after the entry that passes it
};

class LogStore {
 public:
  virtual ~LogStore() = default;

  // Creates the heads of conversations that have none yet. Idempotent. Committed when it returns.
  virtual Status open(std::span<const ConversationId> conversations) = 0;

  // Appends a batch; committed (synchronous_commit = on) when it returns. One result per entry, in order:
  //   Appended   it has this number. The numbers of a conversation follow the order of the batch.
  //   conflict   the client id exists in that conversation from that sender with another kind or body
  //   not_found  the conversation was never opened
  //   too_large  the body is beyond 65,535 bytes
  //   others     nothing of this entry is stored, or (retry_later) it may be: repeat it to learn
  // An entry that fails does not take the others with it.
  virtual std::vector<Result<Appended>> append(std::span<const NewEntry> entries) = 0;

  // The entries from … to, both included.
  virtual Result<Page> range(ConversationId conversation, Seq from, Seq to, PageBound bound) = 0;
  // The newest entries below `before`; Seq{0}: below the end.
  virtual Result<Page> before(ConversationId conversation, Seq before, PageBound bound) = 0;
  // Newest seq of each, in the order asked; Seq{0} for unknown ones.
  virtual Result<std::vector<Seq>> heads(std::span<const ConversationId> conversations) = 0;
};

}  // namespace parley
