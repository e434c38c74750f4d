// A LocalLog for those who need none after their process: tests, load generators, bots.
#pragma once

#include <deque>
#include <map>

#include "client/local_log.h"

namespace parley::client {

class MemoryLog : public LocalLog {
 public:
  // Keeps at most this many entries per conversation; the oldest go first. 0 keeps only the counters.
  explicit MemoryLog(std::size_t entries_max = 10'000) : entries_max_(entries_max) {}

  Result<std::optional<Identity>> identity() override { return identity_; }
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
  struct Kept {
    LoggedConversation state;
    std::deque<Entry> entries;
  };
  std::size_t entries_max_;
  std::optional<Identity> identity_;
  std::map<ConversationId, Kept> conversations_;
  std::deque<Outgoing> queue_;
};

}  // namespace parley::client
