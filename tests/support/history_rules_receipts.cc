#include <algorithm>
#include <map>

#include "tests/support/history_check.h"

namespace parley::test {
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

constexpr Rule rules[] = {
    {"C3", "cursors never go back, and end where they were acknowledged", receipt_goes_back},
    {"C4", "cursors never pass the newest entry", beyond_tail},
};

}  // namespace

std::span<const Rule> receipt_rules() { return rules; }

}  // namespace parley::test
