// `parley verify`: lets test accounts talk through a live system, records everything that they did
// and saw, and says in plain words whether the system kept its promises (RELIABILITY §2).
#pragma once

#include <string>
#include <vector>

#include "cli/terminal_account.h"

namespace parley::verify {

struct VerifyOptions {
  AccountOptions server;              // its user is not used
  unsigned seconds = 30;              // --seconds: how long people chat
  unsigned pairs = 2;                 // --pairs: of accounts that it registers itself
  std::vector<std::string> accounts;  // --account: such that are there; PARLEY_PASSWORD_FILE has
                                      // the password that they share
  std::string faults;                 // --faults: "kill-worker,stop-broker"; with --data only
  std::string history;                // --history: where the history is kept
  std::string check;  // --check: a kept history, to be judged again; nothing else is done
};

// 0 valid, 1 invalid, 75 nothing is known, 2 usage, 78 configuration.
int run_verify(const VerifyOptions& options);

}  // namespace parley::verify
