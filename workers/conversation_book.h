// What one thread knows about conversations: that they are open (in both members' lists and in the
// log, so that a message can be appended), and how far their logs reach at least. A bounded cache;
// what it says stays true for ever, because conversations are never closed and logs only grow.
#pragma once

#include <span>
#include <unordered_map>

#include "store/log_store.h"
#include "store/user_store.h"
#include "workers/lru.h"

namespace parley {

class ConversationBook {
 public:
  ConversationBook(LogStore& log, UserStore& users, std::size_t conversations_max = 100'000)
      : log_(log), users_(users), heads_(conversations_max) {}

  // Opens direct conversations that are not known to be open: all that a first message needs is
  // committed when it returns. Those that cannot be open now, and why: not_found (a member does not
  // exist), or the store's error. Costs nothing for known ones.
  std::unordered_map<ConversationId, Error> open(std::span<const ConversationId> conversations);

  // Where their logs end, or beyond `at_least`: whoever only compares with a lower number need not
  // ask the store.
  struct HeadQuestion {
    ConversationId conversation;
    Seq at_least;
  };
  Result<std::vector<Seq>> heads(std::span<const HeadQuestion> questions);

  // An entry of that number was seen.
  void saw(ConversationId conversation, Seq seq);
  // The store says that it was never opened after all: a restored database.
  void forget(ConversationId conversation) { heads_.erase(conversation); }

 private:
  LogStore& log_;
  UserStore& users_;
  Lru<ConversationId, Seq> heads_;
};

}  // namespace parley
