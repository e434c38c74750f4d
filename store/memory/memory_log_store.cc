#include <algorithm>

#include "store/limits.h"
#include "store/memory/memory_database.h"

namespace parley {
namespace {

Result<Appended> append_one(MemoryDatabase& database, const NewEntry& entry) {
  PARLEY_CHECK(check_entry(entry));
  const auto found = database.logs.find(entry.conversation);
  if (found == database.logs.end()) return fail(Errc::not_found, "conversation was never opened");
  auto& [entries, by_client_id, untold] = found->second;

  const Seq next{entries.size() + 1};
  const auto [id, is_new] = by_client_id.try_emplace({entry.sender, entry.client_id}, next);
  if (!is_new) {
    const Entry& former = entries[id->second.value - 1];
    if (former.kind != entry.kind || former.body != entry.body) {
      return fail(Errc::conflict, "client id was used for another entry");
    }
    return Appended{former.seq, former.time_ms, true};
  }
  if (database.outbox.wants_messages() && !untold) untold = next;
  entries.push_back(
      {next, entry.sender, entry.client_id, entry.kind, std::string(entry.body), entry.time_ms});
  return Appended{next, entry.time_ms, false};
}

// Walks from `at` in steps of one entry until the bound or `count` is reached.
template <typename Iterator>
std::vector<Entry> take(Iterator at, std::uint64_t count, PageBound bound) {
  std::vector<Entry> taken;
  std::size_t bytes = 0;
  for (; taken.size() < std::min<std::uint64_t>(count, bound.entries) && bytes <= bound.bytes;
       ++at) {
    bytes += at->body.size();
    taken.push_back(*at);
  }
  return taken;
}

}  // namespace

MemoryLogStore::MemoryLogStore(std::shared_ptr<MemoryDatabase> database)
    : database_(std::move(database)) {}

Status MemoryLogStore::open(std::span<const ConversationId> conversations) {
  PARLEY_ENTER(*database_);
  for (const ConversationId id : conversations) {
    if (!id || id.value > limits::stored_number_max) return fail(Errc::internal, "conversation id");
  }
  for (const ConversationId id : conversations) database_->logs.try_emplace(id);
  return {};
}

std::vector<Result<Appended>> MemoryLogStore::append(std::span<const NewEntry> entries) {
  const std::scoped_lock guard(database_->lock);
  const auto all = [&](Errc code) {
    return std::vector<Result<Appended>>(entries.size(), fail(code, "memory store: injected"));
  };
  if (strikes(database_->faults.fail_calls)) return all(Errc::retry_later);
  if (strikes(database_->faults.fill_disk)) return all(Errc::storage_full);

  std::vector<Result<Appended>> results;
  for (const NewEntry& entry : entries) results.push_back(append_one(*database_, entry));
  if (strikes(database_->faults.lose_replies)) return all(Errc::retry_later);
  return results;
}

Result<Page> MemoryLogStore::range(ConversationId conversation, Seq from, Seq to, PageBound bound) {
  PARLEY_ENTER(*database_);
  const auto found = database_->logs.find(conversation);
  if (found == database_->logs.end()) return Page{};
  const auto& entries = found->second.entries;

  Page page{{}, Seq{entries.size()}, false};
  const std::uint64_t first = std::max<std::uint64_t>(from.value, 1);
  const std::uint64_t last = std::min<std::uint64_t>(to.value, entries.size());
  if (first > last) return page;
  page.entries = take(entries.begin() + static_cast<std::ptrdiff_t>(first - 1), last - first + 1,
                      within_limits(bound));
  page.more = page.entries.back().seq.value < last;
  return page;
}

Result<Page> MemoryLogStore::before(ConversationId conversation, Seq before, PageBound bound) {
  PARLEY_ENTER(*database_);
  const auto found = database_->logs.find(conversation);
  if (found == database_->logs.end()) return Page{};
  const auto& entries = found->second.entries;

  Page page{{}, Seq{entries.size()}, false};
  const std::uint64_t below = before ? before.value - 1 : entries.size();
  const std::uint64_t last = std::min<std::uint64_t>(below, entries.size());
  if (last == 0) return page;
  const auto newest =
      std::make_reverse_iterator(entries.begin() + static_cast<std::ptrdiff_t>(last));
  page.entries = take(newest, last, within_limits(bound));
  std::ranges::reverse(page.entries);
  page.more = page.entries.front().seq.value > 1;
  return page;
}

Result<std::vector<Seq>> MemoryLogStore::heads(std::span<const ConversationId> conversations) {
  PARLEY_ENTER(*database_);
  std::vector<Seq> heads;
  for (const ConversationId id : conversations) {
    const auto found = database_->logs.find(id);
    heads.push_back(Seq{found == database_->logs.end() ? 0 : found->second.entries.size()});
  }
  return heads;
}

}  // namespace parley
