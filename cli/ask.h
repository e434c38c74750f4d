// `parley ask USER app.NAME [TEXT | -]`: asks a service of the company's own as a user, prints its answer.
#pragma once

#include <cstdint>
#include <string>

#include "cli/terminal_account.h"

namespace parley {

struct AskOptions {
  AccountOptions account;
  std::string app;             // positional: "app.payroll"
  std::string text;            // positional; "-" or empty: standard input to its end
  std::uint32_t seconds = 30;  // --timeout: 1 … 600, of the login and of the answer each
};

// Prints the answer as it came and returns 0, or says why not on stderr: 1 refused, 2 usage, 75 no answer, now (the
// service may have had the request all the same: it is not repeated), 78 configuration.
int run_ask(const AskOptions& options);

}  // namespace parley
