// `parley chat USER [PEER]`: a conversation in a terminal, or, when standard input is none, line by line.
#pragma once

#include <cstdint>
#include <string>

#include "cli/terminal_account.h"

namespace parley {

struct ChatOptions {
  AccountOptions account;
  std::string peer;            // second positional, optional: whom to talk to; later /to NAME
  bool create_account = false;  // --register: make the account; without it a person is asked
  std::uint32_t history = 20;  // --history: lines shown at the start, 0 … 200
};

// Returns the exit code: 0, 1 failed, 2 usage, 75 something is not confirmed yet, 78 configuration.
// Blocks SIGINT and SIGTERM in the calling thread. No other thread may read standard input.
int run_chat(const ChatOptions& options);

}  // namespace parley
