// Users for load, made in the database itself: registering and logging in by password would measure
// Argon2 for minutes. Each has one device with an access token that is valid for 15 minutes.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "perf/load/channel_peer.h"

namespace parley::perf {

// Makes `count` users whose names begin with "load-". `database_url`: role parley_app.
Result<std::vector<LoadAccount>> make_accounts(const std::string& database_url, std::size_t count);

}  // namespace parley::perf
