// An ack means committed, and committed means on the disk. Three settings can take that away, at
// several levels: the server's files, a database, a role, a connection.
#pragma once

#include "base/result.h"
#include "store/options.h"

namespace parley {

// config: fsync, synchronous_commit or full_page_writes is not on for this connection, or for any
// role in this database; the detail says which and where. We do not set it for the session instead:
// that would hide from the operator that his server is not what he promised his users. retry_later:
// the server does not answer.
Status check_durability(const StoreOptions& options);

// Rows: the settings that are not on in this session, as "name = value".
extern const char* const session_durability_sql;

}  // namespace parley
