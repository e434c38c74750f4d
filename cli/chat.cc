#include "cli/chat.h"

#include <unistd.h>

#include <clocale>
#include <cstdio>
#include <optional>
#include <utility>

#include "base/process.h"
#include "cli/terminal_chat.h"
#include "cli/terminal_text.h"
#include "proto/channel.h"
#include "proto/limits.h"

namespace parley {
namespace {

constexpr int password_tries = 3;

int complain(const Error& error) {
  std::fprintf(stderr, "parley chat: %s\n", reason_of(error).c_str());
  return exit_code_of(error);
}

// With which credentials to begin, and what to ask for when they are refused.
class LoginDialogue {
 public:
  LoginDialogue(AccountInUse& account, const ChatOptions& options)
      : account_(account), options_(options), shown_name_(printable(account.user)) {}

  Result<client::Credentials> first() {
    PARLEY_TRY(const auto from_file, password_from_file());
    PARLEY_TRY(const auto identity, account_.log->identity());
    if (options_.create_account) return create(from_file);
    if (from_file) return with(*from_file);
    if (identity && !identity->device_token.empty()) return with("");
    return asked("Password for " + shown_name_ + ": ");
  }

  // Nothing: there is nobody to ask, or he has had his tries.
  std::optional<client::Credentials> after_refusal() {
    if (!std::exchange(has_been_asked_, true)) return again("Please log in again. Password: ");
    if (++tries_ >= password_tries) return std::nullopt;
    const auto answer = ask("No account \"" + shown_name_ +
                            "\" with this password. Make one? [y/N] ");
    if (!answer) return std::nullopt;
    if (*answer == "y" || *answer == "Y" || *answer == "yes") {
      auto made = create(std::nullopt);
      return made ? std::optional(*made) : std::nullopt;
    }
    return again("Password for " + shown_name_ + ": ");
  }

 private:
  client::Credentials with(std::string password) const {
    return {.name = account_.user, .password = std::move(password)};
  }

  Result<client::Credentials> asked(const std::string& prompt) {
    has_been_asked_ = true;
    const auto password = ask_password(prompt);
    if (!password) return fail(Errc::refused, "no password: set PARLEY_PASSWORD_FILE");
    typed_ = password;
    return with(*password);
  }

  std::optional<client::Credentials> again(const std::string& prompt) {
    auto credentials = asked(prompt);
    return credentials ? std::optional(*credentials) : std::nullopt;
  }

  // With a password from a file, or asked for until it is long enough and typed twice alike.
  Result<client::Credentials> create(const std::optional<std::string>& from_file) {
    has_been_asked_ = true;
    client::Credentials credentials = with(from_file.value_or(""));
    credentials.account = client::Account::create;
    while (credentials.password.empty()) {
      auto password = new_password();
      if (!password) return fail(Errc::refused, "no password: set PARLEY_PASSWORD_FILE");
      credentials.password = *std::move(password);
    }
    return credentials;
  }

  // Empty: too short, or mistyped. Nothing: nobody to ask.
  std::optional<std::string> new_password() {
    std::optional<std::string> password = std::exchange(typed_, std::nullopt);
    const bool is_long_enough = password && password->size() >= limits::password_min;
    if (!is_long_enough) password = ask_password("A new password (8 bytes at least): ");
    if (!password || password->size() < limits::password_min)
      return password ? std::optional(std::string()) : std::nullopt;
    const auto repeated = ask_password("The same again: ");
    if (!repeated) return std::nullopt;
    return *repeated == *password ? *password : std::string();
  }

  AccountInUse& account_;
  const ChatOptions& options_;
  const std::string shown_name_;
  std::optional<std::string> typed_;  // last, and refused
  bool has_been_asked_ = false;
  int tries_ = 0;
};

int explain(const Error& why, const client::Credentials& used, int code) {
  const bool is_new = used.account == client::Account::create;
  if (is_new && why.code == Errc::conflict)
    std::fprintf(stderr, "parley chat: the name is taken, by another password\n");
  else if (is_new && why.code == Errc::bad_request)
    std::fprintf(stderr,
                 "parley chat: the server wants another name, or a better password: 8 bytes at "
                 "least, without the name in it, not a common one\n");
  else if (why.code == Errc::replaced)
    std::fprintf(stderr, "parley chat: you have logged in elsewhere; this chat is closed\n");
  else
    complain(why);
  return code;
}

}  // namespace

int run_chat(const ChatOptions& options) {
  std::setlocale(LC_ALL, "");
  init_crypto();
  block_termination_signals();
  auto account = open_account(options.account);
  if (!account) return complain(account.error());
  LoginDialogue dialogue(*account, options);
  auto credentials = dialogue.first();
  if (!credentials) return complain(credentials.error());
  for (;;) {
    Chat::Outcome outcome;
    {
      Chat chat(*account, options, *credentials);
      outcome = chat.run();
    }
    if (!outcome.stopped) return outcome.exit_code;
    if (outcome.stopped->code != Errc::refused || isatty(STDIN_FILENO) != 1)
      return explain(*outcome.stopped, *credentials, outcome.exit_code);
    auto next = dialogue.after_refusal();
    if (!next) return explain(*outcome.stopped, *credentials, outcome.exit_code);
    credentials = *std::move(next);
  }
}

}  // namespace parley
