// c2c.receipt: "I have received, have read, everything up to". Cursors only move forwards and never
// past the newest entry. Whoever else shows them (the other member, the user's other devices) hears
// of a move, once per batch and user; a receipt that moves nothing is answered and told to nobody,
// unless another worker had it before.
#pragma once

#include "proto/c2c.pb.h"
#include "workers/conversation_book.h"
#include "workers/outcome.h"

namespace parley {

class C2cReceipts {
 public:
  C2cReceipts(UserStore& users, ConversationBook& book, std::size_t cursors_max = 200'000)
      : users_(users), book_(book), last_seen_(cursors_max) {}

  // Requires: each target is a direct conversation of its user.
  Outcome move(std::span<const Request<wire::ReceiptRequest>> requests);

 private:
  using Place = std::pair<UserId, ConversationId>;
  struct PlaceHash {
    std::size_t operator()(const Place& place) const noexcept {
      return std::hash<ConversationId>()(place.second) ^
             static_cast<std::size_t>(place.first.value);
    }
  };
  // What one user wants in one conversation, taken together from his receipts in a batch.
  struct Wish {
    Place place;
    Cursors to;
    DeviceId from;                      // 0: several devices
    std::uint64_t trace;                // of the first of them
    std::vector<std::size_t> requests;  // places in the batch
    bool repeated = false;              // the worker that moved them may have died before it told
  };

  static std::vector<Wish> gather(std::span<const Request<wire::ReceiptRequest>> requests);
  Status clamp_to_heads(std::vector<Wish>& wishes);
  // Where the cursors stood before; nothing where the conversation is not in that user's list.
  Result<std::vector<std::optional<Cursors>>> before(const std::vector<Wish>& wishes);
  Status carry_out(std::vector<Wish>& wishes, Outcome& outcome);

  UserStore& users_;
  ConversationBook& book_;
  // Where cursors stood when we last saw them; they may have moved on since, never back.
  Lru<Place, Cursors, PlaceHash> last_seen_;
};

}  // namespace parley
