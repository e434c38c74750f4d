// The server's static key on disk: "<key id>:<64 hex digits>" of the secret half, mode 0600. Clients pin the
// public half in the same form.
#pragma once

#include <string>

#include "base/result.h"
#include "proto/channel.h"

namespace parley {

// Makes the key, unless there is one, and returns its pin. config: there is one that cannot be used.
Result<std::string> make_server_key(const std::string& path);

// "1:<64 hex digits>"
std::string pin_of(const ServerKey& key);

}  // namespace parley
