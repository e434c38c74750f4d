// c2c.send: a batch of messages becomes entries of their conversations' logs (poster.h). The answer says
// "committed".
#pragma once

#include "proto/c2c.pb.h"
#include "workers/poster.h"

namespace parley {

class C2cSender {
 public:
  C2cSender(LogStore& log, ConversationBook& book) : poster_(log, book) {}

  // Requires: each target is a direct conversation of its user.
  Outcome send(std::span<const Request<wire::SendRequest>> requests, const Moment& moment);

 private:
  Poster poster_;
  wire::SendReply reply_;  // reused: its buffers last
};

}  // namespace parley
