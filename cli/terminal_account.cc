#include "cli/terminal_account.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/config.h"
#include "base/process.h"
#include "cli/terminal_text.h"
#include "client/address.h"
#include "client/sqlite_log.h"
#include "proto/limits.h"

namespace parley {
namespace {

struct ServerFile {
  std::vector<std::string> gateways;
  std::string pin;
};

Result<ServerFile> read_server_file(const AccountOptions& options) {
  ServerFile file;
  std::string path = options.config;
  if (path.empty() && !options.data.empty()) path = options.data + "/client.toml";
  if (!path.empty()) {
    Config config;
    config.list("client.gateways", &file.gateways, "Gateways to connect to, host:port");
    config.text("client.pin", &file.pin, "The server's key: <key id>:<hex public key>");
    PARLEY_CHECK(config.load_file(path));
  }
  if (!options.gateways.empty()) file.gateways = options.gateways;
  if (!options.pin.empty()) file.pin = options.pin;
  if (file.gateways.empty() || file.pin.empty())
    return fail(Errc::config, "which server? --data, --config, or --gateway and --pin");
  return file;
}

// A user's name becomes a file's name: only harmless characters stay as they are.
std::string as_file_name(const std::string& user) {
  std::string name;
  for (const char c : user) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (is_plain) {
      name += c;
      continue;
    }
    // Names are compared without case (ASCII), so alice and Alice share a log.
    if (c >= 'A' && c <= 'Z') {
      name += static_cast<char>(c - 'A' + 'a');
      continue;
    }
    char escaped[4];
    std::snprintf(escaped, sizeof escaped, "%%%02x", static_cast<unsigned char>(c));
    name += escaped;
  }
  return name;
}

Result<std::string> state_directory(const AccountOptions& options) {
  if (!options.state.empty()) return options.state;
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && *state == '/') return std::string(state) + "/parley";
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home != '/')
    return fail(Errc::config, "no home directory: say --state DIRECTORY");
  return std::string(home) + "/.local/state/parley";
}

// Private from the first directory on that we make ourselves.
Status make_directories(const std::string& path) {
  std::string so_far;
  for (const auto& part : std::filesystem::path(path)) {
    so_far = so_far.empty() ? part.string() : (std::filesystem::path(so_far) / part).string();
    if (mkdir(so_far.c_str(), 0700) != 0 && errno != EEXIST)
      return fail(Errc::io, so_far + ": " + std::strerror(errno));
  }
  return {};
}

// Different servers at the same address have different keys; the same server keeps its key.
std::string server_name(std::string_view pin) {
  const std::size_t colon = pin.find(':');
  return std::string(pin.substr(colon + 1, 16));
}

Status check_user(const std::string& user) {
  const bool has_control =
      std::ranges::any_of(user, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  if (user.empty() || user.size() > limits::user_name_max || has_control)
    return fail(Errc::bad_request, "a user's name has 1 … 64 bytes and no control characters");
  return {};
}

// Reads up to a line break from the terminal, whatever standard input is.
std::optional<std::string> ask_terminal(const std::string& prompt, tcflag_t without) {
  const int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return std::nullopt;
  termios before{};
  if (tcgetattr(fd, &before) != 0) {
    close(fd);
    return std::nullopt;
  }
  // SIGINT is blocked in a chat: here Ctrl-C is a character that ends the line.
  constexpr char ctrl_c = 3;
  termios during = before;
  during.c_lflag &= ~(without | ISIG);
  during.c_cc[VEOL] = ctrl_c;
  tcsetattr(fd, TCSAFLUSH, &during);
  dprintf(fd, "%s", prompt.c_str());
  std::string line;
  char c = 0;
  ssize_t got = 0;
  while ((got = read(fd, &c, 1)) == 1 && c != '\n' && c != ctrl_c) {
    if (line.size() < limits::password_max) line += c;
  }
  tcsetattr(fd, TCSAFLUSH, &before);
  if ((without & ECHO) != 0) dprintf(fd, "\n");
  close(fd);
  if (got != 1 || c == ctrl_c) return std::nullopt;
  return line;
}

}  // namespace

Result<ServerInUse> find_server(const AccountOptions& options) {
  PARLEY_TRY(const ServerFile file, read_server_file(options));
  ServerInUse server;
  server.pin = file.pin;
  PARLEY_TRY(server.key, client::parse_pin(file.pin));
  for (const std::string& gateway : file.gateways) {
    PARLEY_TRY(server.gateways.emplace_back(), client::parse_endpoint(gateway));
  }
  return server;
}

Result<AccountInUse> open_account(const AccountOptions& options) {
  PARLEY_CHECK(check_user(options.user));
  PARLEY_TRY(const ServerInUse server, find_server(options));
  AccountInUse account;
  account.user = options.user;
  account.server = server.key;
  account.client.session.gateways = server.gateways;
  account.client.conversations.relist_every = std::chrono::seconds(30);
  PARLEY_TRY(std::string directory, state_directory(options));
  directory += "/" + server_name(server.pin);
  PARLEY_CHECK(make_directories(directory));
  auto log = client::open_sqlite_log(directory + "/" + as_file_name(options.user) + ".db");
  if (!log && log.error().code == Errc::conflict)
    return fail(Errc::retry_later, "another chat of " + options.user + " is open here");
  if (!log) return tl::unexpected(log.error());
  account.log = *std::move(log);
  return account;
}

Result<std::optional<std::string>> password_from_file() {
  const char* path = std::getenv("PARLEY_PASSWORD_FILE");
  if (path == nullptr) return std::nullopt;
  PARLEY_TRY(auto password, read_secret_file(path));
  return password;
}

Result<std::string> password_for(AccountInUse& account) {
  PARLEY_TRY(const auto from_file, password_from_file());
  if (from_file) return *from_file;
  PARLEY_TRY(const auto identity, account.log->identity());
  if (identity && !identity->device_token.empty()) return std::string();
  const auto asked = ask_password("Password for " + printable(account.user) + ": ");
  if (!asked) return fail(Errc::refused, "no password: set PARLEY_PASSWORD_FILE");
  return *asked;
}

std::optional<std::string> ask_password(const std::string& prompt) {
  return ask_terminal(prompt, ECHO);
}

std::optional<std::string> ask(const std::string& prompt) { return ask_terminal(prompt, 0); }

std::string read_input(std::size_t max) {
  std::string text;
  char buffer[4096];
  std::size_t got = 0;
  while (text.size() <= max && (got = std::fread(buffer, 1, sizeof buffer, stdin)) > 0)
    text.append(buffer, got);
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::string reason_of(const Error& error) {
  // The detail of these says it all, and better.
  const bool is_ours = error.code == Errc::config || error.code == Errc::io ||
                       error.code == Errc::disconnected;
  if (is_ours && !error.detail.empty()) return printable(error.detail);
  std::string reason(text_of(error.code));
  if (!error.detail.empty()) reason += " (" + error.detail + ")";
  return printable(reason);
}

int exit_code_of(const Error& error) {
  if (error.code == Errc::config) return exit_config;
  return is_retryable(error.code) ? exit_retry : exit_runtime;
}

void block_termination_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

}  // namespace parley
