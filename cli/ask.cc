#include "cli/ask.h"

#include <clocale>
#include <cstdio>

#include "base/process.h"
#include "client/sync_client.h"
#include "proto/app_name.h"
#include "proto/channel.h"
#include "proto/limits.h"

namespace parley {
namespace {

int complain(const Error& error) {
  std::fprintf(stderr, "parley ask: %s\n", reason_of(error).c_str());
  return exit_code_of(error);
}

Result<std::string> ask(AccountInUse& account, const std::string& app, const std::string& text,
                        Duration limit) {
  PARLEY_TRY(std::string password, password_for(account));
  Loop loop;
  client::Network network(loop);
  client::SyncClient client(network, account.server, account.client,
                            {.name = account.user, .password = std::move(password)},
                            account.log.get());
  PARLEY_CHECK(client.start(limit));
  return client.ask_app(app, text, limit);
}

}  // namespace

int run_ask(const AskOptions& options) {
  std::setlocale(LC_ALL, "");
  init_crypto();
  if (!is_app_name(options.app)) {
    std::fputs("parley ask: whom? app.NAME\n", stderr);
    return exit_usage;
  }
  const bool from_input = options.text.empty() || options.text == "-";
  const std::string text = from_input ? read_input(limits::frame_body_max) : options.text;
  auto account = open_account(options.account);
  if (!account) return complain(account.error());
  const auto answer = ask(*account, options.app, text, std::chrono::seconds(options.seconds));
  if (!answer) return complain(answer.error());
  const bool printed = std::fwrite(answer->data(), 1, answer->size(), stdout) == answer->size() &&
                       std::fputc('\n', stdout) != EOF && std::fflush(stdout) == 0;
  return printed ? exit_ok : complain({Errc::io, "standard output"});
}

}  // namespace parley
