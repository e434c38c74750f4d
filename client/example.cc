// Answers whatever is said to it: the example of client/README.md.
//   client_example HOST:PORT PIN NAME, the password in the file that PARLEY_PASSWORD_FILE names
#include <cstdio>
#include <cstdlib>

#include "base/config.h"
#include "client/client.h"
#include "client/memory_log.h"

namespace parley {
namespace {

struct Echo : client::Observer {
  client::Client* client = nullptr;
  void on_message(const client::Entry& entry) override {
    if (entry.sender == client->user()) return;
    if (!client->send(entry.conversation, "you said: " + entry.body)) return;
    if (!client->mark_read(entry.conversation, entry.seq)) return;
  }
};

int run(const char* gateway, const char* pin_text, const char* name, const char* password_file) {
  const auto endpoint = client::parse_endpoint(gateway);
  const auto pin = client::parse_pin(pin_text);
  const auto password = read_secret_file(password_file);
  if (!endpoint || !pin || !password) return 78;
  init_crypto();
  Loop loop;
  client::Network network(loop);
  client::MemoryLog log;
  client::ClientOptions options;
  options.session.gateways = {*endpoint};
  Echo echo;
  client::Client client(network, *pin, options, {.name = name, .password = *password}, log, echo);
  echo.client = &client;
  if (!client.start()) return 1;
  loop.run();
  return 0;
}

}  // namespace
}  // namespace parley

int main(int argc, char** argv) {
  const char* password_file = std::getenv("PARLEY_PASSWORD_FILE");
  if (argc == 4 && password_file != nullptr)
    return parley::run(argv[1], argv[2], argv[3], password_file);
  std::fputs("client_example HOST:PORT PIN NAME, with PARLEY_PASSWORD_FILE\n", stderr);
  return 2;
}
