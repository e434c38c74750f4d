// The server's static key of a data directory (gateway/key_file.h).
#pragma once

#include <string>

#include "base/result.h"

namespace parley {

// Makes the key, unless there is one, and returns its pin: "1:<64 hex digits>". config: there is one that
// cannot be used. io.
Result<std::string> make_server_key(const std::string& path);

}  // namespace parley
