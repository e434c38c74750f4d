#include "client/memory_log.h"

#include <algorithm>

namespace parley::client {

Status MemoryLog::save_identity(const Identity& identity) {
  identity_ = identity;
  return {};
}

Result<std::vector<LoggedConversation>> MemoryLog::conversations() {
  std::vector<LoggedConversation> all;
  for (const auto& [id, kept] : conversations_) all.push_back(kept.state);
  return all;
}

Status MemoryLog::begin_conversation(ConversationId conversation, Seq last) {
  Kept fresh{.state = {.conversation = conversation, .last = last}, .entries = {}};
  if (!conversations_.emplace(conversation, std::move(fresh)).second)
    return fail(Errc::conflict, "the conversation is known");
  return {};
}

Status MemoryLog::append(ConversationId conversation, std::span<const Entry> entries) {
  const auto found = conversations_.find(conversation);
  if (found == conversations_.end()) return fail(Errc::not_found, "unknown conversation");
  Kept& kept = found->second;
  Seq last = kept.state.last;
  for (const Entry& entry : entries) {
    if (entry.seq.value != last.value + 1) return fail(Errc::conflict, "the entry does not follow");
    last = entry.seq;
  }
  kept.state.last = last;
  if (entries_max_ == 0) return {};
  kept.entries.insert(kept.entries.end(), entries.begin(), entries.end());
  while (kept.entries.size() > entries_max_) kept.entries.pop_front();
  return {};
}

Status MemoryLog::save_cursors(ConversationId conversation, const Cursors& mine,
                               const Cursors& peer) {
  const auto found = conversations_.find(conversation);
  if (found == conversations_.end()) return fail(Errc::not_found, "unknown conversation");
  LoggedConversation& state = found->second.state;
  state.mine = Cursors::furthest(state.mine, mine);
  state.peer = Cursors::furthest(state.peer, peer);
  return {};
}

Result<std::vector<Entry>> MemoryLog::entries(ConversationId conversation, Seq before,
                                              std::size_t limit) {
  const auto found = conversations_.find(conversation);
  if (found == conversations_.end()) return std::vector<Entry>{};
  const std::deque<Entry>& all = found->second.entries;
  const auto end = before ? std::ranges::lower_bound(all, before, {}, &Entry::seq) : all.end();
  const auto count = std::min(limit, static_cast<std::size_t>(end - all.begin()));
  return std::vector<Entry>(end - static_cast<std::ptrdiff_t>(count), end);
}

Status MemoryLog::queue(const Outgoing& message) {
  if (std::ranges::find(queue_, message.id, &Outgoing::id) != queue_.end())
    return fail(Errc::conflict, "a message with this id is kept already");
  queue_.push_back(message);
  return {};
}

Status MemoryLog::unqueue(const ClientMessageId& id) {
  const auto found = std::ranges::find(queue_, id, &Outgoing::id);
  if (found != queue_.end()) queue_.erase(found);
  return {};
}

Result<std::vector<Outgoing>> MemoryLog::queued() {
  return std::vector<Outgoing>(queue_.begin(), queue_.end());
}

}  // namespace parley::client
