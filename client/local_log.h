// What a device remembers between two runs: who it is, its conversations' entries, how far they have been
// read, and the messages that were not yet acknowledged when it stopped. An implementation: memory_log.h,
// sqlite_log.h; both pass tests/unit/client/local_log_test.cc.
//
// One thread. Every call that changes something has done so durably (as durable as the implementation is)
// when it returns without an error, and has changed nothing when it returns one. io: the medium failed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "client/message.h"

namespace parley::client {

struct Identity {
  DeviceId device;           // chosen once
  UserId user;               // none before the first login
  std::string device_token{};  // empty: the next login needs the password

  friend bool operator==(const Identity&, const Identity&) = default;
};

struct LoggedConversation {
  ConversationId conversation;
  Seq last;  // entries up to here are here, or lie before this device's beginning
  Cursors mine{};
  Cursors peer{};

  friend bool operator==(const LoggedConversation&, const LoggedConversation&) = default;
};

class LocalLog {
 public:
  virtual ~LocalLog() = default;

  // Nothing before the first save_identity.
  virtual Result<std::optional<Identity>> identity() = 0;
  virtual Status save_identity(const Identity& identity) = 0;

  // In ascending order of id.
  virtual Result<std::vector<LoggedConversation>> conversations() = 0;
  // Makes a conversation known, with nothing before `last` + 1 ever to be appended. conflict: it is known.
  virtual Status begin_conversation(ConversationId conversation, Seq last) = 0;
  // Adds what follows `last`, all or nothing. conflict: an entry that does not follow the one before it, so
  // that a log that once failed cannot get a hole. not_found: unknown conversation.
  virtual Status append(ConversationId conversation, std::span<const Entry> entries) = 0;
  // Moves cursors; going back is ignored. not_found: unknown conversation.
  virtual Status save_cursors(ConversationId conversation, const Cursors& mine,
                              const Cursors& peer) = 0;
  // The newest `limit` entries before `before` (0: from the newest), ascending.
  virtual Result<std::vector<Entry>> entries(ConversationId conversation, Seq before,
                                             std::size_t limit) = 0;

  // Keeps a message until unqueue. conflict: its id is kept already.
  virtual Status queue(const Outgoing& message) = 0;
  // It is acknowledged or given up. An unknown id is ignored.
  virtual Status unqueue(const ClientMessageId& id) = 0;
  // In the order of queue().
  virtual Result<std::vector<Outgoing>> queued() = 0;
};

}  // namespace parley::client
