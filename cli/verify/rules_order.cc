#include <algorithm>
#include <map>
#include <set>

#include "cli/verify/check.h"

namespace parley::verify {
namespace {

using Found = std::vector<std::string>;

void gap_in_database(const HistoryIndex& index, Found& found) {
  std::map<ConversationId, std::uint64_t> last;
  for (const auto& [where, rows] : index.rows) {
    const auto [conversation, seq] = where;
    if (seq.value != ++last[conversation]) {
      found.push_back("the database has no " + place(conversation, Seq{last[conversation]}) +
                      " but " + std::to_string(seq.value));
      last[conversation] = seq.value;
    }
  }
  for (const auto& [conversation, head] : index.heads)
    if (last[conversation] != head.value)
      found.push_back("conversation " + std::to_string(conversation.value) + " has head " +
                      std::to_string(head.value) + " and ends at " +
                      std::to_string(last[conversation]));
}

void gap_on_device(const HistoryIndex& index, Found& found) {
  for (const auto& [where, view] : index.views) {
    std::set<std::uint64_t> seen;
    for (const Delivery& delivery : view.deliveries) seen.insert(delivery.what->seq.value);
    for (std::uint64_t seq = 1; seq <= view.synced_to.value; ++seq)
      if (!seen.contains(seq))
        found.push_back(std::string(view.device) + " synced to " +
                        std::to_string(view.synced_to.value) + " without " +
                        place(view.conversation, Seq{seq}));
  }
}

void gap(const HistoryIndex& index, Found& found) {
  if (index.dumped) gap_in_database(index, found);
  gap_on_device(index, found);
}

using Places = std::map<std::pair<ConversationId, Seq>, MessageKey>;

// Enters what stands at a place; a second message there is a finding.
void claim(Places& places, const MessageKey& key, Seq seq, const std::string& who, Found& found) {
  const auto [entry, first] = places.try_emplace({key.conversation, seq}, key);
  if (!first && entry->second != key)
    found.push_back(who + " has at " + place(key.conversation, seq) + " " + name_of(key) +
                    ", elsewhere " + name_of(entry->second));
}

void reuse(const HistoryIndex& index, Found& found) {
  Places places;
  for (const auto& [where, rows] : index.rows)
    for (const Row* row : rows) claim(places, row->key, row->seq, "the database", found);
  for (const auto& [op, attempt] : index.attempts)
    if (attempt.ok) claim(places, attempt.invoked->key, attempt.ok->seq, "an ack", found);
  for (const auto& [where, view] : index.views)
    for (const Delivery& delivery : view.deliveries)
      claim(places, delivery.what->key, delivery.what->seq, std::string(view.device), found);
}

void divergent_devices(const HistoryIndex& index, Found& found) {
  Places places;
  for (const auto& [where, view] : index.views)
    for (const Delivery& delivery : view.deliveries)
      claim(places, delivery.what->key, delivery.what->seq, std::string(view.device), found);
}

struct Span {
  Instant from;
  Instant to;
  Seq seq;
  const MessageKey* key;
};

std::map<ConversationId, std::vector<Span>> acked_spans(const HistoryIndex& index) {
  std::map<ConversationId, std::vector<Span>> spans;
  for (const auto& [key, message] : index.messages)
    if (const Attempt* acked = message.first_ok())
      spans[key.conversation].push_back(
          {message.first_invoked_at(), *acked->completed_at, acked->ok->seq, &key});
  return spans;
}

// Sweeps the sends in the order in which they began: none may be numbered below one that had been
// acknowledged before.
void real_time_inversion(const HistoryIndex& index, Found& found) {
  for (auto& [conversation, begun] : acked_spans(index)) {
    std::vector<Span> ended = begun;
    std::ranges::sort(begun, {}, &Span::from);
    std::ranges::sort(ended, {}, &Span::to);
    auto next = ended.begin();
    Seq highest;
    for (const Span& span : begun) {
      for (; next != ended.end() && next->to < span.from; ++next)
        highest = std::max(highest, next->seq);
      if (span.seq < highest)
        found.push_back(name_of(*span.key) + " was sent after number " +
                        std::to_string(highest.value) + " had been acknowledged and got " +
                        std::to_string(span.seq.value));
    }
  }
}

// Messages that a device sent once each, in order, to one conversation.
void session_fifo(const HistoryIndex& index, Found& found) {
  std::map<std::pair<std::string_view, ConversationId>, std::vector<const Attempt*>> lanes;
  for (const auto& [key, message] : index.messages)
    if (message.attempts.size() == 1 && message.attempts.front()->ok)
      lanes[{message.attempts.front()->process, key.conversation}].push_back(
          message.attempts.front());
  for (auto& [where, lane] : lanes) {
    // Two events of one instant stay in the order of their op numbers.
    std::ranges::sort(lane, {}, [](const Attempt* a) {
      return std::pair{a->invoked_at, a->invoked->op};
    });
    for (std::size_t i = 1; i < lane.size(); ++i)
      if (lane[i]->ok->seq < lane[i - 1]->ok->seq)
        found.push_back(std::string(where.first) + " sent " + name_of(lane[i]->invoked->key) +
                        " after " + name_of(lane[i - 1]->invoked->key) +
                        "; they are numbered the other way round");
  }
}

// Within one stream pushes go up one by one; what a pull brought in between counts as seen.
void skipping_push(const HistoryIndex& index, Found& found) {
  std::map<std::pair<std::string_view, ConversationId>, Seq> last;
  std::set<std::pair<std::string_view, ConversationId>> streaming;
  for (const Event& event : index.history.events()) {
    if (std::holds_alternative<StreamBegan>(event.what))
      std::erase_if(streaming, [&](const auto& lane) { return lane.first == event.process; });
    const auto* delivery = std::get_if<Delivered>(&event.what);
    if (!delivery) continue;
    const std::pair lane{std::string_view(event.process), delivery->key.conversation};
    const bool known = !streaming.insert(lane).second;
    const Seq before = std::exchange(last[lane], std::max(last[lane], delivery->seq));
    if (delivery->via == Via::push && known && delivery->seq.value != before.value + 1)
      found.push_back(event.process + " was pushed " +
                      place(delivery->key.conversation, delivery->seq) + " after " +
                      std::to_string(before.value));
  }
}

constexpr Rule rules[] = {
    {"B1", "a log is numbered 1, 2, 3 … in the database and on every synced device", gap,
     Rule::NeedsDump::partly},
    {"B2", "a number stands for one message, wherever it is seen", reuse, Rule::NeedsDump::partly},
    {"B3", "who sends after an ack gets a higher number", real_time_inversion},
    {"B3b", "a device's messages are numbered in the order in which it sent them", session_fifo},
    {"B4", "all devices see the same log", divergent_devices},
    {"B5", "pushes of one stream neither skip nor repeat", skipping_push},
};

}  // namespace

std::span<const Rule> order_rules() { return rules; }

}  // namespace parley::verify
