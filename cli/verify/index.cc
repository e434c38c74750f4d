#include "cli/verify/index.h"

#include <algorithm>

namespace parley::verify {

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
  for (const Event& event : history.events()) {
    last_at = std::max(last_at, event.at);
    std::visit([&](const auto& what) { enter(event, what); }, event.what);
  }
}

Seq Pull::covered_to() const {
  const Seq end = std::min(invoked->to, ok->head);
  if (!ok->more) return end;
  return ok->entries.empty() ? Seq{invoked->from.value - 1} : std::min(end, ok->entries.back().seq);
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

Pull* HistoryIndex::pull(std::uint64_t op) {
  const auto found = open_pulls_.find(op);
  if (found == open_pulls_.end()) {
    ++strays;
    return nullptr;
  }
  Pull* const pull = found->second;
  open_pulls_.erase(found);
  return pull;
}

void HistoryIndex::enter(const Event& event, const PullInvoked& what) {
  pulls.push_back({.invoked = &what, .invoked_at = event.at, .process = event.process});
  if (!open_pulls_.try_emplace(what.op, &pulls.back()).second) ++strays;
}

void HistoryIndex::enter(const Event& event, const PullOk& what) {
  if (Pull* p = pull(what.op)) p->ok = &what, p->ended_at = event.at;
}

void HistoryIndex::enter(const Event& event, const PullFailed& what) {
  if (Pull* p = pull(what.op)) p->ended_at = event.at;
}

void HistoryIndex::enter(const Event& event, const SessionBegan& what) {
  sessions[event.process].push_back(
      {.process = event.process, .user = what.user, .how = what.how, .began_at = event.at});
}

void HistoryIndex::enter(const Event& event, const SessionEnded&) {
  const auto own = sessions.find(event.process);
  if (own == sessions.end() || own->second.back().ended_at)
    ++strays;
  else
    own->second.back().ended_at = event.at;
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
  if (Attempt* a = attempt(what.op)) a->ok = &what, a->completed_at = a->ended_at = event.at;
}

void HistoryIndex::enter(const Event& event, const SendFailed& what) {
  if (Attempt* a = attempt(what.op)) a->failed = &what, a->completed_at = a->ended_at = event.at;
}

void HistoryIndex::enter(const Event& event, const SendUnknown& what) {
  if (Attempt* a = attempt(what.op)) a->unknown = &what, a->ended_at = event.at;
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

void HistoryIndex::enter(const Event& event, const Fault& what) {
  faults.push_back(&what);
  faults_at.push_back(event.at);
  enter_felt(event.at,
             event.at + std::chrono::milliseconds(what.felt_ms.value_or(Fault::felt_ms_most)));
}

void HistoryIndex::enter_felt(Instant from, Instant to) {
  if (felt.empty() || felt.back().second < from)
    felt.emplace_back(from, to);
  else
    felt.back().second = std::max(felt.back().second, to);
}

void HistoryIndex::enter(const Event& event, const Healed&) { healed_at = event.at; }
void HistoryIndex::enter(const Event&, const Quiesced&) { quiesced = true; }

void HistoryIndex::enter(const Event&, const Dumped& what) {
  std::size_t count = 0;
  for (const auto& [place, there] : rows) count += there.size();
  // A dump that lost lines on its way to the file proves nothing about absence.
  dumped = count == what.rows;
  heads_dumped = dumped && what.heads == heads.size();
  lists_dumped = dumped && what.lists == lists.size();
  const bool lacks_heads = what.heads && *what.heads != heads.size();
  const bool lacks_lists = what.lists && *what.lists != lists.size();
  strays += !dumped + lacks_heads + lacks_lists;
}

}  // namespace parley::verify
