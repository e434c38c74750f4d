// Who chats, and with which server: what `parley chat`, `send` and `ask` have in common.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "client/client_core.h"
#include "client/local_log.h"

namespace parley {

inline constexpr int exit_retry = 75;  // not done, but may be later (sysexits' EX_TEMPFAIL)

// As it comes from the command line. The server is given by one of: data, config, or gateways and pin.
struct AccountOptions {
  std::string user;                   // positional: the name to log in with
  std::string data;                   // --data: a directory of `parley up`; its client.toml is read
  std::string config;                 // --config: such a file itself, perhaps on another machine
  std::vector<std::string> gateways;  // --gateway, may be repeated: host:port; overrides the file
  std::string pin;                    // --pin: "<key id>:<hex public key>"; overrides the file
  std::string state;  // --state: where this device keeps its logs; empty: $XDG_STATE_HOME/parley or
                      // ~/.local/state/parley
};

// The options, checked and opened.
struct AccountInUse {
  client::ClientOptions client;
  PinnedKey server;
  std::string user;
  std::unique_ptr<client::LocalLog> log;  // <state>/<server>/<user>.db
};

// The server alone.
struct ServerInUse {
  std::vector<client::Endpoint> gateways;
  PinnedKey key;
  std::string pin;  // the key as text
};
// config: what is wrong with the options or the file.
Result<ServerInUse> find_server(const AccountOptions& options);

// config: what is wrong with the options or the file. retry_later: another chat of this user is open. io.
Result<AccountInUse> open_account(const AccountOptions& options);

// The password from the file that PARLEY_PASSWORD_FILE names; nothing if it is not set. Never on argv.
Result<std::optional<std::string>> password_from_file();
// The password that a login needs: the file's; none, if this device has logged in before; else it is asked for.
Result<std::string> password_for(AccountInUse& account);
// Asks on the terminal, without echo. Nothing: there is no terminal, or it was closed.
std::optional<std::string> ask_password(const std::string& prompt);
// A line from the terminal, with echo.
std::optional<std::string> ask(const std::string& prompt);

// Standard input to its end, without a final line break. Of what is longer than `max` bytes only so much that it
// is seen to be too long.
std::string read_input(std::size_t max);

// Why something was not done, for a person: one printable line.
std::string reason_of(const Error& error);
// The process' exit code for what stopped us.
int exit_code_of(const Error& error);

// SIGTERM and SIGINT, from now on for TerminationSignal alone (base/loop.h). Before it: nobody would read them.
void block_termination_signals();

}  // namespace parley
