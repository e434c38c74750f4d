// Compares what the database holds with what was acknowledged, message by message.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/ids.h"
#include "base/result.h"

namespace parley::perf {

struct Writer {
  UserId user;
  // By message, from 0: the number it was acknowledged with; 0: it was not.
  std::span<const std::uint64_t> acked;
};

// Both partners of a conversation. Requires: conversations that only this run has written to.
struct WrittenConversation {
  ConversationId id;
  Writer a;
  Writer b;
};

struct RowCounts {
  std::uint64_t expected = 0;  // messages acknowledged
  std::uint64_t found = 0;     // where the ack said, with the sender and client id of that message
  std::uint64_t unacked = 0;   // messages of the run that nobody was told of, once each
  std::uint64_t foreign = 0;   // all others: repetitions, other places, other writers, after a hole
};

// io: the database cannot be read.
Result<RowCounts> verify_rows(const std::string& database_url, std::uint64_t run,
                              std::span<const WrittenConversation> conversations);

}  // namespace parley::perf
