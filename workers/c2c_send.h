// c2c.send: a batch of messages becomes entries of their conversations' logs, in one round trip,
// exactly once each. The answer says "committed". Both members' devices get the message, also when
// it is a repetition: the worker that stored it may have died before it delivered.
#pragma once

#include "proto/c2c.pb.h"
#include "workers/conversation_book.h"
#include "workers/outcome.h"

namespace parley {

class C2cSender {
 public:
  C2cSender(LogStore& log, ConversationBook& book) : log_(log), book_(book) {}

  // Requires: each target is a direct conversation of its user.
  Outcome send(std::span<const Request<wire::SendRequest>> requests, const Moment& moment);

 private:
  // The places of requests that can be stored, their conversations open; the others are answered.
  std::vector<std::size_t> admissible(std::span<const Request<wire::SendRequest>> requests,
                                      Outcome& outcome);
  // Why an entry was not stored, as its sender is told.
  Error reason(const NewEntry& entry, const Error& error);
  void settle(const NewEntry& entry, DeviceId from, const Appended& appended, Outcome& outcome,
              std::size_t place);

  LogStore& log_;
  ConversationBook& book_;
  wire::SendReply reply_;  // both reused: their buffers last
  wire::MessageNotice notice_;
};

}  // namespace parley
