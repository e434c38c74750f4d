// What PostgreSQL holds of some conversations, read with the workers' role, and entered into a
// history at the end of a run. Blocks; every wait is bounded (store/pg/connection.h).
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "cli/verify/history.h"
#include "store/pg/connection.h"

namespace parley::verify {

using Conversations = std::set<ConversationId>;
// How far each user has received and read.
using CursorMap = std::map<std::pair<UserId, ConversationId>, std::pair<Seq, Seq>>;

class Database {
 public:
  // A libpq connection string.
  explicit Database(std::string url);

  // The newest number of each conversation that has one.
  Result<std::map<ConversationId, Seq>> heads(const Conversations& of);
  Result<CursorMap> cursors(const Conversations& of);
  // All rows, heads, list entries and cursors.
  Status dump(const Conversations& of, History& history);

 private:
  Result<std::uint64_t> dump_log(ConversationId conversation, History& history);
  Result<PgRows> run(const std::string& sql);

  PgConnection connection_;
};

}  // namespace parley::verify
