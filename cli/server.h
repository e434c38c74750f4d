// `parley server NAME`: prepares a private server's directory and then becomes that server. A process of
// its own because making a database takes seconds, in which `parley up` must go on watching the others.
#pragma once

#include <string>

namespace parley {

// Returns, with an exit code, only if it could not become the server.
int run_server(const std::string& name, const std::string& data);

}  // namespace parley
