#include <algorithm>
#include <map>
#include <set>

#include "cli/verify/check.h"

namespace parley::verify {
namespace {

using Found = std::vector<std::string>;

bool has_row(const Message& message, Seq seq) {
  return std::ranges::any_of(message.rows, [&](const Row* row) { return row->seq == seq; });
}

void lost_in_database(const HistoryIndex& index, Found& found) {
  if (!index.dumped) return;
  for (const auto& [key, message] : index.messages) {
    const Attempt* acked = message.first_ok();
    if (acked && !has_row(message, acked->ok->seq))
      found.push_back(name_of(key) + " was acknowledged as " +
                      place(key.conversation, acked->ok->seq) + " and is not in the database");
  }
}

void lost_on_device(const HistoryIndex& index, Found& found) {
  std::map<ConversationId, std::vector<Seq>> acked;
  for (const auto& [key, message] : index.messages)
    if (const Attempt* first = message.first_ok())
      acked[key.conversation].push_back(first->ok->seq);
  for (const auto& [where, view] : index.views) {
    std::set<Seq> held;
    for (const Delivery& delivery : view.deliveries) held.insert(delivery.what->seq);
    for (const Seq seq : acked[view.conversation])
      if (seq <= view.synced_to && !held.contains(seq))
        found.push_back(std::string(view.device) + " synced to " +
                        std::to_string(view.synced_to.value) + " without acknowledged " +
                        place(view.conversation, seq));
  }
}

void lost_acked(const HistoryIndex& index, Found& found) {
  lost_in_database(index, found);
  lost_on_device(index, found);
}

void duplicate_rows(const HistoryIndex& index, Found& found) {
  for (const auto& [key, message] : index.messages) {
    std::set<Seq> seqs;
    for (const Row* row : message.rows) seqs.insert(row->seq);
    for (const Delivered* delivery : message.deliveries) seqs.insert(delivery->seq);
    if (message.rows.size() > 1 || seqs.size() > 1)
      found.push_back(name_of(key) + " exists " +
                      std::to_string(std::max(message.rows.size(), seqs.size())) + " times");
  }
}

void delivered_twice(const HistoryIndex& index, Found& found) {
  for (const auto& [where, view] : index.views) {
    std::set<Seq> seen;
    for (const Delivery& delivery : view.deliveries)
      if (!seen.insert(delivery.what->seq).second)
        found.push_back(std::string(view.device) + " was given " +
                        place(view.conversation, delivery.what->seq) + " twice as new");
  }
}

// On the wire a push may come again: a worker died after it, or the sender's device repeated
// itself. But each repetition has a cause, and causes are few.
constexpr std::size_t copies_max = 10;

void storm_of_pushes(const HistoryIndex& index, Found& found) {
  std::map<std::tuple<std::string_view, ConversationId, Seq>, std::size_t> copies;
  for (const Event* event : index.pushes) {
    const Pushed& push = std::get<Pushed>(event->what);
    if (++copies[{event->process, push.key.conversation, push.seq}] == copies_max + 1)
      found.push_back(event->process + " was pushed " + place(push.key.conversation, push.seq) +
                      " more than " + std::to_string(copies_max) + " times");
  }
  // When a broker dies, whatever went through it lately is pushed again: nobody knows what arrived.
  constexpr std::size_t enough = 100;
  if (index.faults.empty() && index.pushes.size() > enough &&
      index.pushes.size() > 2 * copies.size())
    found.push_back(std::to_string(index.pushes.size()) + " pushes brought " +
                    std::to_string(copies.size()) + " entries, and nothing was broken");
}

void duplicates(const HistoryIndex& index, Found& found) {
  storm_of_pushes(index, found);
  duplicate_rows(index, found);
  delivered_twice(index, found);
}

void unstable_ack(const HistoryIndex& index, Found& found) {
  for (const auto& [key, message] : index.messages) {
    const Attempt* first = message.first_ok();
    for (const Attempt* attempt : message.attempts)
      if (attempt->ok &&
          (attempt->ok->seq != first->ok->seq || attempt->ok->time_ms != first->ok->time_ms))
        found.push_back(name_of(key) + " was acknowledged as number " +
                        std::to_string(first->ok->seq.value) + " and as " +
                        std::to_string(attempt->ok->seq.value));
  }
}

// Whether somebody ever asked for this message with this body.
bool was_sent(const Message& message, std::uint64_t body) {
  return std::ranges::any_of(
      message.attempts, [&](const Attempt* attempt) { return attempt->invoked->body == body; });
}

void phantom_on_the_wire(const HistoryIndex& index, Found& found) {
  const auto look = [&](const MessageKey& key, std::uint64_t body, std::string_view where) {
    const auto message = index.messages.find(key);
    if (message == index.messages.end() || !was_sent(message->second, body))
      found.push_back(std::string(where) + ", never sent so: " + name_of(key));
  };
  for (const Event* event : index.pushes) {
    const Pushed& push = std::get<Pushed>(event->what);
    look(push.key, push.body, "pushed");
  }
  for (const Pull& pull : index.pulls)
    if (pull.ok)
      for (const PageEntry& entry : pull.ok->entries)
        look({pull.invoked->conversation, entry.sender, entry.client_id}, entry.body, "in a page");
}

void phantom(const HistoryIndex& index, Found& found) {
  for (const auto& [key, message] : index.messages) {
    for (const Row* row : message.rows)
      if (!was_sent(message, row->body)) found.push_back("row never sent so: " + name_of(key));
    for (const Delivered* delivery : message.deliveries)
      if (!was_sent(message, delivery->body))
        found.push_back("delivered, never sent so: " + name_of(key));
  }
  phantom_on_the_wire(index, found);
}

void aborted_read(const HistoryIndex& index, Found& found) {
  for (const auto& [key, message] : index.messages)
    if (message.definitely_failed() && !(message.rows.empty() && message.deliveries.empty()))
      found.push_back(name_of(key) + " was refused and exists all the same");
}

constexpr Duration resolution_limit = 10s;

// Attempts made after the faults were healed: each must be answered soon.
void stuck_unknown(const HistoryIndex& index, Found& found) {
  if (!index.healed_at) return;
  for (const auto& [op, attempt] : index.attempts) {
    if (attempt.invoked_at < *index.healed_at) continue;
    if (!attempt.completed_at)
      found.push_back(name_of(attempt.invoked->key) +
                      ", sent after healing, got no definite answer");
    else if (*attempt.completed_at - attempt.invoked_at > resolution_limit)
      found.push_back(name_of(attempt.invoked->key) + ", sent after healing, was answered after " +
                      std::to_string(to_ms(*attempt.completed_at - attempt.invoked_at)) + " ms");
  }
}

void same_key_other_body(const HistoryIndex& index, Found& found) {
  for (const auto& [key, message] : index.messages) {
    std::set<std::uint64_t> bodies;
    for (const Attempt* attempt : message.attempts)
      if (attempt->ok) bodies.insert(attempt->invoked->body);
    if (bodies.size() > 1)
      found.push_back(name_of(key) + " was acknowledged with different bodies");
  }
}

// A client id is its sender's own: another user's is another message.
void foreign_key_taken_for_ours(const HistoryIndex& index, Found& found) {
  std::map<std::tuple<ConversationId, Seq, ClientMessageId>, UserId> acked;
  for (const auto& [key, message] : index.messages)
    for (const Attempt* attempt : message.attempts) {
      if (!attempt->ok) continue;
      const auto [entry, first] =
          acked.try_emplace({key.conversation, attempt->ok->seq, key.client_id}, key.sender);
      if (!first && entry->second != key.sender)
        found.push_back(name_of(key) + " got the number of user " +
                        std::to_string(entry->second.value) + "'s message with the same client id");
    }
}

void dedupe_collision(const HistoryIndex& index, Found& found) {
  same_key_other_body(index, found);
  foreign_key_taken_for_ours(index, found);
}

constexpr Rule rules[] = {
    {"A1", "an acknowledged message is in the database and on every synced device", lost_acked,
     Rule::NeedsDump::partly},
    {"A2", "a message exists once, and is given to a device once", duplicates,
     Rule::NeedsDump::partly},
    {"A2b", "repeating a send gives the same ack", unstable_ack},
    {"A3", "what exists was sent, with this body, by this sender", phantom,
     Rule::NeedsDump::partly},
    {"A3b", "what was refused does not exist", aborted_read, Rule::NeedsDump::partly},
    {"A5", "after healing every send is answered within ten seconds", stuck_unknown},
    {"A7", "a client id stands for one body of one sender", dedupe_collision},
};

}  // namespace

std::span<const Rule> durability_rules() { return rules; }

}  // namespace parley::verify
