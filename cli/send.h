// `parley send USER --to PEER [TEXT | -]`: sends one message, waits until it is committed, prints its number.
#pragma once

#include <cstdint>
#include <string>

#include "cli/terminal_account.h"

namespace parley {

struct SendOptions {
  AccountOptions account;
  std::string peer;          // --to
  std::string text;          // positional; "-" or empty: standard input to its end
  std::string id;            // --id: 32 hex digits; an id is never stored twice. Empty: chosen
  std::uint32_t seconds = 30;  // --timeout: 1 … 600
};

// Prints "<seq>\n" and returns 0, or says why not on stderr: 1 refused, 2 usage, 75 not confirmed (then also
// how to repeat it safely: --id), 78 configuration.
int run_send(const SendOptions& options);

}  // namespace parley
