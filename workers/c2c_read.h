// c2c.pull, c2c.history, c2c.conversations: what was said, and where everybody stands. Reads only.
#pragma once

#include "proto/c2c.pb.h"
#include "store/log_store.h"
#include "store/user_store.h"
#include "workers/outcome.h"

namespace parley {

class C2cReader {
 public:
  C2cReader(LogStore& log, UserStore& users) : log_(log), users_(users) {}

  // Requires of these two: the target is a direct conversation of the user.
  Response pull(const Request<wire::PullRequest>& request);
  Response history(const Request<wire::HistoryRequest>& request);

  // The user's own list, with the other members' cursors. Three round trips, whatever the page's
  // size.
  Response conversations(const Request<wire::ConversationsRequest>& request);

 private:
  LogStore& log_;
  UserStore& users_;
};

}  // namespace parley
