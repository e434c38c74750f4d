#include "tests/fault/early_ack_worker/early_ack_log_store.h"

#include <utility>

#include "base/clock.h"

namespace parley::test {
namespace {
// Long enough that a kill falls into it, short enough that nobody who only looks at the log
// notices.
constexpr Duration commit_delay = 100ms;
}  // namespace

EarlyAckLogStore::EarlyAckLogStore(std::unique_ptr<LogStore> reading,
                                   std::unique_ptr<LogStore> committing)
    : reading_(std::move(reading)),
      committing_(std::move(committing)),
      committer_([this] { commit_later(); }) {}

EarlyAckLogStore::~EarlyAckLogStore() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  committer_.join();
}

Status EarlyAckLogStore::open(std::span<const ConversationId> conversations) {
  return reading_->open(conversations);
}

std::vector<Result<Appended>> EarlyAckLogStore::append(std::span<const NewEntry> entries) {
  std::vector<Result<Appended>> results;
  for (const NewEntry& entry : entries) results.push_back(acknowledge(entry));
  wake_.notify_one();
  return results;
}

Result<Appended> EarlyAckLogStore::acknowledge(const NewEntry& entry) {
  const Identity identity{entry.conversation, entry.sender, entry.client_id};
  if (const auto found = acked_.find(identity); found != acked_.end()) return found->second;
  if (!heads_.contains(entry.conversation)) {
    PARLEY_TRY(const auto heads, reading_->heads(std::span(&entry.conversation, 1)));
    heads_[entry.conversation] = heads[0];
  }
  Seq& head = heads_[entry.conversation];
  head = Seq{head.value + 1};
  const Appended appended{.seq = head, .time_ms = entry.time_ms};
  acked_.emplace(identity, appended);
  const std::lock_guard lock(mutex_);
  waiting_.push_back(
      {{head, entry.sender, entry.client_id, entry.kind, std::string(entry.body), entry.time_ms},
       entry.conversation});
  return appended;
}

void EarlyAckLogStore::commit_later() {
  bool going = true;
  while (going) {
    std::vector<Acked> batch;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
      wake_.wait_for(lock, commit_delay, [this] { return ending_; });
      batch = std::exchange(waiting_, {});
      going = !ending_;
    }
    std::vector<NewEntry> entries;
    for (const Acked& acked : batch)
      entries.push_back({.conversation = acked.conversation,
                         .sender = acked.entry.sender,
                         .client_id = acked.entry.client_id,
                         .kind = acked.entry.kind,
                         .body = acked.entry.body,
                         .time_ms = acked.entry.time_ms});
    committing_->append(entries);
  }
}

Result<Page> EarlyAckLogStore::range(ConversationId conversation, Seq from, Seq to,
                                     PageBound bound) {
  return reading_->range(conversation, from, to, bound);
}

Result<Page> EarlyAckLogStore::before(ConversationId conversation, Seq before, PageBound bound) {
  return reading_->before(conversation, before, bound);
}

Result<std::vector<Seq>> EarlyAckLogStore::heads(std::span<const ConversationId> conversations) {
  return reading_->heads(conversations);
}

}  // namespace parley::test
