#include "cli/server.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "base/process.h"
#include "cli/family.h"

namespace parley {

int run_server(const std::string& name, const std::string& data) {
  const auto server = private_server_named(name, data);
  if (!server) {
    std::fprintf(stderr, "parley server: no server is named %s\n", name.c_str());
    return exit_usage;
  }
  if (const auto prepared = server->prepare(); !prepared) {
    std::fprintf(stderr, "parley server: %s\n", prepared.error().detail.c_str());
    return prepared.error().code == Errc::config ? exit_config : exit_runtime;
  }
  std::vector<std::string> words = server->command();
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  execv(arguments[0], arguments.data());
  std::fprintf(stderr, "parley server: %s: %s\n", arguments[0], std::strerror(errno));
  return exit_runtime;
}

}  // namespace parley
