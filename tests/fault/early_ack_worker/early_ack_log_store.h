// The defect that fault tests must find: a log store that answers before it commits. It guesses the
// numbers that the real store will give, answers with them, and commits a little later, in a thread
// of its own. Undisturbed it looks right; kill -9 loses what was acknowledged and not yet
// committed.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <tuple>
#include <vector>

#include "store/log_store.h"

namespace parley::test {

class EarlyAckLogStore final : public LogStore {
 public:
  // Two stores of the same database: one for reading now, one for committing later.
  EarlyAckLogStore(std::unique_ptr<LogStore> reading, std::unique_ptr<LogStore> committing);
  ~EarlyAckLogStore() override;  // commits what waits

  Status open(std::span<const ConversationId> conversations) override;
  std::vector<Result<Appended>> append(std::span<const NewEntry> entries) override;
  Result<Page> range(ConversationId conversation, Seq from, Seq to, PageBound bound) override;
  Result<Page> before(ConversationId conversation, Seq before, PageBound bound) override;
  Result<std::vector<Seq>> heads(std::span<const ConversationId> conversations) override;

 private:
  struct Acked {
    Entry entry;
    ConversationId conversation;
  };
  using Identity = std::tuple<ConversationId, UserId, ClientMessageId>;

  Result<Appended> acknowledge(const NewEntry& entry);
  void commit_later();

  std::unique_ptr<LogStore> reading_;
  std::unique_ptr<LogStore> committing_;
  std::map<ConversationId, Seq> heads_;
  std::map<Identity, Appended> acked_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Acked> waiting_;
  bool ending_ = false;
  std::thread committer_;
};

}  // namespace parley::test
