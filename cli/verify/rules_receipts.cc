#include <algorithm>
#include <map>

#include "cli/verify/check.h"

namespace parley::verify {
namespace {

using Found = std::vector<std::string>;

struct Seen {
  Seq received;
  Seq read;
};
using Observer = std::tuple<std::string_view, UserId, ConversationId>;

void backwards(const HistoryIndex& index, Found& found) {
  std::map<Observer, Seen> last;
  for (const Event& event : index.history.events()) {
    const auto* seen = std::get_if<ReceiptSeen>(&event.what);
    if (!seen) continue;
    Seen& before = last[{event.process, seen->user, seen->conversation}];
    if (seen->received < before.received || seen->read < before.read)
      found.push_back(event.process + " saw the cursors of user " +
                      std::to_string(seen->user.value) + " go back to " +
                      place(seen->conversation, std::min(seen->received, seen->read)));
    before = {std::max(before.received, seen->received), std::max(before.read, seen->read)};
  }
}

// After quiescence an observer has seen where the cursors ended.
void last_missed(const HistoryIndex& index, Found& found) {
  if (!index.quiesced) return;
  std::map<std::pair<UserId, ConversationId>, Seen> acked;
  std::map<Observer, Seen> seen;
  for (const Event& event : index.history.events()) {
    if (const auto* ack = std::get_if<ReceiptAcked>(&event.what)) {
      Seen& end = acked[{ack->user, ack->conversation}];
      end = {std::max(end.received, ack->received), std::max(end.read, ack->read)};
    } else if (const auto* shown = std::get_if<ReceiptSeen>(&event.what)) {
      seen[{event.process, shown->user, shown->conversation}] = {shown->received, shown->read};
    }
  }
  for (const auto& [observer, end] : seen) {
    const auto& [device, user, conversation] = observer;
    const auto truth = acked.find({user, conversation});
    if (truth == acked.end()) continue;
    if (end.received != truth->second.received || end.read != truth->second.read)
      found.push_back(std::string(device) + " saw the cursors of user " +
                      std::to_string(user.value) + " last at " + place(conversation, end.received) +
                      ", they stand at " + std::to_string(truth->second.received.value));
  }
}

void receipt_goes_back(const HistoryIndex& index, Found& found) {
  backwards(index, found);
  last_missed(index, found);
}

// A cursor cannot stand on an entry that nobody had begun to send.
void beyond_tail(const HistoryIndex& index, Found& found) {
  if (!index.dumped) return;
  for (const Event& event : index.history.events()) {
    const auto* seen = std::get_if<ReceiptSeen>(&event.what);
    if (!seen) continue;
    const Seq highest = std::max(seen->received, seen->read);
    if (highest == Seq{0}) continue;
    const auto row = index.rows.find({seen->conversation, highest});
    const bool exists = row != index.rows.end();
    const Message* message = exists ? &index.messages.at(row->second.front()->key) : nullptr;
    if (!exists || (!message->attempts.empty() && event.at < message->first_invoked_at()))
      found.push_back(event.process + " saw user " + std::to_string(seen->user.value) + " at " +
                      place(seen->conversation, highest) + " before it could exist");
  }
}

std::string of_user(UserId user) { return "user " + std::to_string(user.value); }

// Calls `look` for each observed position of a user, whether he or somebody else was told it.
template <typename Look>
void for_each_position(const HistoryIndex& index, Look look) {
  for (const Event& event : index.history.events())
    if (const auto* seen = std::get_if<ReceiptSeen>(&event.what))
      look(event, seen->user, seen->conversation, Seen{seen->received, seen->read});
    else if (const auto* acked = std::get_if<ReceiptAcked>(&event.what))
      look(event, acked->user, acked->conversation, Seen{acked->received, acked->read});
}

void inverted(const HistoryIndex& index, Found& found) {
  for_each_position(
      index, [&](const Event& event, UserId user, ConversationId conversation, const Seen& at) {
        if (at.read > at.received)
          found.push_back(event.process + " saw that " + of_user(user) + " has read up to " +
                          place(conversation, at.read) + " and received up to " +
                          std::to_string(at.received.value));
      });
}

// What the user's own devices can have asked for at a moment: what they were given, and what they
// said that he has read.
void forged(const HistoryIndex& index, Found& found) {
  std::map<std::pair<UserId, ConversationId>, Seen> asked;
  for (const Event& event : index.history.events()) {
    if (const auto* own = std::get_if<ReceiptInvoked>(&event.what)) {
      Seen& most = asked[{own->user, own->conversation}];
      most = {std::max({most.received, own->received, own->read}), std::max(most.read, own->read)};
    } else if (const auto* got = std::get_if<Delivered>(&event.what)) {
      Seen& most = asked[{got->reader, got->key.conversation}];
      most.received = std::max(most.received, got->seq);
    }
    const auto* seen = std::get_if<ReceiptSeen>(&event.what);
    if (!seen) continue;
    const auto members = members_of(seen->conversation);
    if (members && !members->has(seen->user)) {
      found.push_back(event.process + " was shown a receipt of " + of_user(seen->user) +
                      ", who is no member of conversation " +
                      std::to_string(seen->conversation.value));
      continue;
    }
    if (!index.receipts_invoked) continue;
    const Seen most = asked[{seen->user, seen->conversation}];
    if (seen->received > most.received || seen->read > most.read)
      found.push_back(event.process + " saw " + of_user(seen->user) + " at " +
                      place(seen->conversation, std::max(seen->received, seen->read)) +
                      ", which none of his devices had asked for");
  }
}

constexpr Rule rules[] = {
    {"C3", "cursors never go back, and end where they were acknowledged", receipt_goes_back},
    {"C4", "cursors never pass the newest entry", beyond_tail, Rule::NeedsDump::yes},
    {"C5", "what is read has been received", inverted},
    {"C6", "a cursor stands where one of its user's own devices put it", forged},
};

}  // namespace

std::span<const Rule> receipt_rules() { return rules; }

}  // namespace parley::verify
