#include "tests/support/history_index.h"

#include <algorithm>

namespace parley::test {

const Attempt* Message::first_ok() const {
  const Attempt* first = nullptr;
  for (const Attempt* attempt : attempts)
    if (attempt->ok && (!first || attempt->completed_at < first->completed_at)) first = attempt;
  return first;
}

bool Message::definitely_failed() const {
  return !attempts.empty() &&
         std::ranges::all_of(attempts, [](const Attempt* a) { return a->failed; });
}

HistoryIndex::HistoryIndex(const History& recorded) : history(recorded) {
  for (const Event& event : history.events())
    std::visit([&](const auto& what) { enter(event, what); }, event.what);
}

Attempt* HistoryIndex::attempt(std::uint64_t op) {
  const auto found = attempts.find(op);
  if (found != attempts.end() && !found->second.completed_at && !found->second.unknown)
    return &found->second;
  ++strays;
  return nullptr;
}

View& HistoryIndex::view(std::string_view device, UserId reader, ConversationId conversation) {
  View& view = views[{conversation, device}];
  view.device = device;
  view.reader = reader;
  view.conversation = conversation;
  return view;
}

void HistoryIndex::enter(const Event& event, const SendInvoked& what) {
  const auto [entry, inserted] = attempts.try_emplace(what.op);
  if (!inserted) {
    ++strays;
    return;
  }
  entry->second = {.invoked = &what, .invoked_at = event.at, .process = event.process};
  Message& message = messages[what.key];
  message.key = what.key;
  message.attempts.push_back(&entry->second);
}

void HistoryIndex::enter(const Event& event, const SendOk& what) {
  if (Attempt* a = attempt(what.op)) a->ok = &what, a->completed_at = event.at;
}

void HistoryIndex::enter(const Event& event, const SendFailed& what) {
  if (Attempt* a = attempt(what.op)) a->failed = &what, a->completed_at = event.at;
}

void HistoryIndex::enter(const Event&, const SendUnknown& what) {
  if (Attempt* a = attempt(what.op)) a->unknown = &what;
}

void HistoryIndex::enter(const Event& event, const Delivered& what) {
  view(event.process, what.reader, what.key.conversation).deliveries.push_back({&event, &what});
  Message& message = messages[what.key];
  message.key = what.key;
  message.deliveries.push_back(&what);
}

void HistoryIndex::enter(const Event& event, const Synced& what) {
  View& seen = view(event.process, what.reader, what.conversation);
  seen.synced_to = std::max(seen.synced_to, what.head);
}

void HistoryIndex::enter(const Event&, const Row& what) {
  rows[{what.key.conversation, what.seq}].push_back(&what);
  Message& message = messages[what.key];
  message.key = what.key;
  message.rows.push_back(&what);
}

void HistoryIndex::enter(const Event&, const Head& what) { heads[what.conversation] = what.seq; }
void HistoryIndex::enter(const Event&, const Fault& what) { faults.push_back(&what); }
void HistoryIndex::enter(const Event& event, const Healed&) { healed_at = event.at; }
void HistoryIndex::enter(const Event&, const Quiesced&) { quiesced = true; }

void HistoryIndex::enter(const Event&, const Dumped& what) {
  std::size_t count = 0;
  for (const auto& [place, there] : rows) count += there.size();
  // A dump that lost lines on its way to the file proves nothing about absence.
  if (count == what.rows)
    dumped = true;
  else
    ++strays;
}

}  // namespace parley::test
