// The end of a run: what PostgreSQL holds, entered into the history.
#pragma once

#include <map>

#include "tests/support/cluster.h"
#include "cli/verify/history.h"

namespace parley::test {

using namespace verify;  // histories and what judges them

using CursorMap = std::map<std::pair<UserId, ConversationId>, std::pair<Seq, Seq>>;
// How far each user has received and read.
CursorMap cursors_of(Cluster& cluster);
// The newest number of each conversation.
std::map<ConversationId, Seq> heads_of(Cluster& cluster);
// All rows, heads and users' cursors.
void dump_database(Cluster& cluster, History& history);

}  // namespace parley::test
