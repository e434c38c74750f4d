// Messages become entries of direct conversations' logs, in one round trip, exactly once each; and both
// members' devices are told, also of a repetition: the worker that stored it may have died before it
// told them. What c2c.send and push.publish have in common.
#pragma once

#include <span>
#include <vector>

#include "proto/c2c.pb.h"
#include "workers/conversation_book.h"
#include "workers/outcome.h"

namespace parley {

struct Posting {
  NewEntry entry;
  DeviceId from = {};  // the sender's device, which is not told; 0: none
  std::uint64_t trace = 0;  // of the request
};

class Poster {
 public:
  Poster(LogStore& log, ConversationBook& book) : log_(log), book_(book) {}

  // Opens the conversations and appends; one result per posting, in order: as of LogStore::append, but
  // not_found means that a member does not exist. Adds what is to be told. Requires: each conversation
  // is a direct one and the sender is a member.
  std::vector<Result<Appended>> post(std::span<const Posting> postings,
                                     std::vector<Delivery>& deliveries);

 private:
  // Why an entry was not stored.
  Error reason(const NewEntry& entry, const Error& error);
  Delivery delivery_of(const Posting& posting, const Appended& appended);

  LogStore& log_;
  ConversationBook& book_;
  wire::MessageNotice notice_;  // reused: its buffers last
};

}  // namespace parley
