// A LocalLog in one SQLite file: survives the end of the process and of the machine (WAL, synchronous=FULL).
// The file holds tokens and messages: mode 0600, and one process at a time.
#pragma once

#include <memory>
#include <string>

#include "client/local_log.h"

namespace parley::client {

// Opens or creates the file; its folder must exist. conflict: another process has it open. config: it is a link,
// not ours, or not a file of this format. io: the system or SQLite refused.
Result<std::unique_ptr<LocalLog>> open_sqlite_log(const std::string& path);

}  // namespace parley::client
