// The `parley` command. Exit codes: 0 done, 1 failed, 2 usage, 75 try again later, 78 configuration.
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>

#include "base/process.h"
#include "cli/bus_keys.h"
#include "cli/ask.h"
#include "cli/chat.h"
#include "cli/demo.h"
#include "cli/drain.h"
#include "cli/migrate.h"
#include "cli/poison.h"
#include "cli/send.h"
#include "cli/server.h"
#include "cli/server_key.h"
#include "cli/status.h"
#include "cli/top.h"
#include "cli/trace.h"
#include "cli/up.h"
#include "cli/verify/command.h"

namespace parley {
namespace {

// Declares a subcommand's options; what it returns carries the subcommand out.
using Declare = std::function<int()> (*)(CLI::App& app);

std::string folder_of_programs() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
}

std::function<int()> declare_up(CLI::App& app) {
  const auto options = std::make_shared<UpOptions>();
  FamilyOptions& family = options->family;
  app.add_option("--data", options->data, "Directory of everything that is kept")->required();
  app.add_option("--listen", family.listen, "Where the first gateway listens: ADDRESS:PORT")
      ->capture_default_str();
  app.add_option("--business", family.business,
                 "Where business systems reach the first broker, encrypted: ADDRESS:PORT");
  const auto count = [&](const char* name, unsigned* value, const char* text) {
    app.add_option(name, *value, text)->check(CLI::Range(1, 64))->capture_default_str();
  };
  count("--brokers", &family.brokers, "How many brokers");
  count("--workers", &family.workers, "How many workers");
  count("--gateways", &family.gateways, "How many gateways, each on a port of its own");
  return [options] {
    options->family.programs = folder_of_programs();
    return run_up(*options);
  };
}

// Carries `run` out if it was said which brokers are meant.
std::function<int()> for_brokers(const char* command, const OperatorOptions& who,
                                 std::function<int()> run) {
  return [command, &who, run = std::move(run)] {
    if (!who.data.empty() || !who.brokers.empty()) return run();
    std::fprintf(stderr, "parley %s: --data or --broker is needed\n", command);
    return exit_usage;
  };
}

CLI::Option* add_brokers(CLI::App& app, OperatorOptions& who) {
  auto* data = app.add_option("--data", who.data, "Directory of a `parley up`");
  auto* brokers = app.add_option("--broker", who.brokers, "A broker's endpoint; may be repeated")
                      ->allow_extra_args(false);
  app.add_option("--key", who.key_file, "Our pair of keys, for brokers with \"tcp://… KEY\"")
      ->needs(brokers);
  data->excludes(brokers);
  return brokers;
}

std::function<int()> declare_status(CLI::App& app) {
  const auto options = std::make_shared<StatusOptions>();
  const auto wait_ms = std::make_shared<std::uint64_t>(0);
  auto* brokers = add_brokers(app, options->who);
  app.add_flag("--json", options->json, "For programs");
  app.add_option("--peer", options->peers, "With --wait: who must be registered; may be repeated")
      ->allow_extra_args(false);
  app.add_option("--wait", *wait_ms, "Print nothing, wait so long (ms) until all --peer are there")
      ->needs(brokers);
  return for_brokers("status", options->who, [options, wait_ms] {
    options->wait = std::chrono::milliseconds(*wait_ms);
    return run_status(*options);
  });
}

std::function<int()> declare_top(CLI::App& app) {
  const auto options = std::make_shared<TopOptions>();
  const auto seconds = std::make_shared<unsigned>(1);
  add_brokers(app, options->who);
  auto* count = app.add_option("--count", options->count, "Stop after so many pictures")
                    ->check(CLI::Range(1, 1'000'000));
  app.add_flag_callback("--once", [options] { options->count = 1; }, "One picture, after a second")
      ->excludes(count);
  app.add_option("--every", *seconds, "Seconds from one to the next")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  return for_brokers("top", options->who, [options, seconds] {
    options->every = std::chrono::seconds(*seconds);
    return run_top(*options);
  });
}

std::function<int()> declare_drain(CLI::App& app) {
  const auto options = std::make_shared<DrainOptions>();
  const auto wait = std::make_shared<bool>(false);
  const auto seconds = std::make_shared<unsigned>(60);
  app.footer(
      "Under `parley up` what has drained is started again; --wait with --data waits for it.\n"
      "  for name in worker-1 worker-2 broker-1 broker-2; do\n"
      "    parley drain $name --wait --data DIR || break\n"
      "  done\n"
      "is a rolling restart that users do not notice. Elsewhere what has drained stays away.");
  add_brokers(app, options->who);
  app.add_option("name", options->name, "A worker, gateway, business system or broker")->required();
  app.add_flag_callback(
      "--force", [options] { options->last_one = DrainOptions::LastOne::drain; },
      "Even the last worker of a service, the last gateway, the last broker");
  app.add_flag("--wait", *wait, "Return when it has ended (and is back)");
  app.add_option("--timeout", *seconds, "With --wait: seconds at most")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  return for_brokers("drain", options->who, [options, wait, seconds] {
    if (*wait) options->wait = std::chrono::seconds(*seconds);
    return run_drain(*options);
  });
}

void declare_poison_action(CLI::App& parent, const std::shared_ptr<PoisonOptions>& options,
                           PoisonOptions::What what, const char* name, const char* purpose) {
  CLI::App& app = *parent.add_subcommand(name, purpose);
  add_brokers(app, options->who);
  app.callback([options, what] { options->what = what; });
  if (what == PoisonOptions::What::list) return;
  auto* which = app.add_option_group("which")->require_option(1);
  which->add_option("ticket", options->tickets, "BROKER:NUMBER, as `list` shows them");
  which->add_flag_callback("--all", [options] { options->tickets.clear(); }, "Every one");
}

std::function<int()> declare_poison(CLI::App& app) {
  const auto options = std::make_shared<PoisonOptions>();
  app.require_subcommand(1);
  using What = PoisonOptions::What;
  declare_poison_action(app, options, What::list, "list", "Say which requests are set aside");
  declare_poison_action(app, options, What::retry, "retry",
                        "Have them carried out once more; their senders have stopped waiting");
  declare_poison_action(app, options, What::drop, "drop", "Forget them");
  return for_brokers("poison", options->who, [options] { return run_poison(*options); });
}

std::function<int()> declare_trace(CLI::App& app) {
  const auto options = std::make_shared<TraceOptions>();
  app.footer(
      "Log lines about requests carry their trace; --user finds the others. Gateways, brokers and\n"
      "workers remember the last 16,384 events each. Several machines' times are as good as their\n"
      "clocks.");
  add_brokers(app, options->who);
  auto* which = app.add_option_group("which")->require_option(1);
  which->add_option("trace", options->trace, "16 hex digits: what happened to that request");
  which->add_option("--user", options->user, "A name or number: his latest requests");
  app.add_option("--last", options->last, "With --user: how many")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  return for_brokers("trace", options->who, [options] { return run_trace(*options); });
}

void add_server(CLI::App& app, AccountOptions& account) {
  app.add_option("--data", account.data, "The server: a directory of `parley up` on this machine");
  app.add_option("--config", account.config, "The server: a client.toml that it has written");
  app.add_option("--gateway", account.gateways, "The server: HOST:PORT; may be repeated")
      ->allow_extra_args(false);
  app.add_option("--pin", account.pin, "The server's key, with --gateway: ID:HEX");
}

void add_account(CLI::App& app, AccountOptions& account) {
  app.add_option("user", account.user, "The name to log in with")->required();
  add_server(app, account);
  app.add_option("--state", account.state, "Where this device keeps its logs");
}

std::function<int()> declare_chat(CLI::App& app) {
  const auto options = std::make_shared<ChatOptions>();
  add_account(app, options->account);
  app.add_option("peer", options->peer, "Whom to talk to; later: /to NAME");
  app.add_flag("--register", options->create_account, "Make the account, without asking");
  app.add_option("--history", options->history, "Lines shown at the start")
      ->check(CLI::Range(0, 200))
      ->capture_default_str();
  return [options] { return run_chat(*options); };
}

std::function<int()> declare_send(CLI::App& app) {
  const auto options = std::make_shared<SendOptions>();
  add_account(app, options->account);
  app.add_option("--to", options->peer, "Whom to write to")->required();
  app.add_option("text", options->text, "The message; - or nothing: standard input");
  app.add_option("--id", options->id, "32 hex digits: the same id is never stored twice");
  app.add_option("--timeout", options->seconds, "Seconds to wait for its number")
      ->check(CLI::Range(1, 600))
      ->capture_default_str();
  return [options] { return run_send(*options); };
}

std::function<int()> declare_ask(CLI::App& app) {
  const auto options = std::make_shared<AskOptions>();
  add_account(app, options->account);
  app.add_option("app", options->app, "The service: app.NAME")->required();
  app.add_option("text", options->text, "The request; - or nothing: standard input");
  app.add_option("--timeout", options->seconds, "Seconds to wait for the answer")
      ->check(CLI::Range(1, 600))
      ->capture_default_str();
  return [options] { return run_ask(*options); };
}

std::function<int()> declare_verify(CLI::App& app) {
  const auto options = std::make_shared<verify::VerifyOptions>();
  add_server(app, options->server);
  app.add_option("--seconds", options->seconds, "How long people chat")
      ->check(CLI::Range(1, 86'400))
      ->capture_default_str();
  app.add_option("--pairs", options->pairs, "Pairs of accounts that it registers itself")
      ->check(CLI::Range(1, 50))
      ->capture_default_str();
  app.add_option("--account", options->accounts,
                 "One that is there, instead; repeated, an even number of times; their password is "
                 "in the file that PARLEY_PASSWORD_FILE names")
      ->allow_extra_args(false);
  app.add_option("--faults", options->faults,
                 "With --data: what to break meanwhile, such as kill-worker,stop-broker");
  app.add_option("--history", options->history, "Where to keep the history");
  app.add_option("--check", options->check, "Judge a kept history; nothing else is done");
  return [options] { return verify::run_verify(*options); };
}

std::function<int()> declare_migrate(CLI::App& app) {
  const auto url = std::make_shared<std::string>();
  app.add_option("--database", *url, "PostgreSQL connection string")->required();
  return [url] { return run_migrate(*url); };
}

int report(const Error& error) {
  std::fprintf(stderr, "parley key: %s\n", error.detail.c_str());
  return error.code == Errc::config ? exit_config : exit_runtime;
}

// Prints what it holds, if it is text.
template <typename T>
int report(const Result<T>& result) {
  if (!result) return report(result.error());
  if constexpr (std::is_same_v<T, std::string>)
    std::printf("%s%s", result->c_str(), result->ends_with('\n') ? "" : "\n");
  return exit_ok;
}

std::function<int()> declare_server_key(CLI::App& app) {
  const auto file = std::make_shared<std::string>();
  app.add_option("file", *file, "Where the secret is, or shall be")->required();
  return [file] { return report(make_server_key(*file)); };
}

std::function<int()> declare_bus_key(CLI::App& app) {
  const auto file = std::make_shared<std::string>();
  app.add_option("file", *file, "A new file")->required();
  return [file] {
    const auto pair = create_key_pair(*file);
    return pair ? report(Result<std::string>(pair->public_key)) : report(pair.error());
  };
}

std::function<int()> declare_show_key(CLI::App& app) {
  const auto file = std::make_shared<std::string>();
  app.add_option("file", *file, "A pair's file")->required();
  return [file] { return report(public_key_from(*file)); };
}

constexpr const char* key_text =
    "A public key in single quotes (after -- if it begins with -), or the file of its pair";

std::function<int()> declare_allow_key(CLI::App& app) {
  struct Words {
    std::string list, role, name, key;
  };
  const auto words = std::make_shared<Words>();
  app.add_option("list", words->list, "The brokers' allow-list")->required();
  app.add_option("role", words->role, "gateway, worker, business or admin")->required();
  app.add_option("name", words->name, "The peer's name; with a final *: all that begin so")
      ->required();
  app.add_option("key", words->key, key_text)->required();
  return [words] {
    const auto key = public_key_from(words->key);
    if (!key) return report(key.error());
    const auto entry = parse_key_entry(words->role, words->name, *key);
    return entry ? report(allow_key(words->list, *entry)) : report(entry.error());
  };
}

std::function<int()> declare_revoke_key(CLI::App& app) {
  const auto list = std::make_shared<std::string>();
  const auto text = std::make_shared<std::string>();
  app.add_option("list", *list, "The brokers' allow-list")->required();
  app.add_option("key", *text, key_text)->required();
  return [list, text] {
    const auto key = public_key_from(*text);
    return key ? report(revoke_key(*list, *key)) : report(key.error());
  };
}

std::function<int()> declare_rotate_key(CLI::App& app) {
  const auto list = std::make_shared<std::string>();
  const auto file = std::make_shared<std::string>();
  app.add_option("list", *list, "The brokers' allow-list")->required();
  app.add_option("file", *file, "The peer's pair")->required();
  return [list, file] {
    const auto rotation = rotate_key(*list, *file);
    if (!rotation) return report(rotation.error());
    std::printf(
        "%s has the next pair; both are valid now. Put it in the place of %s,\n"
        "restart the peer, then:\n"
        "  parley key revoke '%s' -- '%s'\n",
        rotation->next_file.c_str(), file->c_str(), list->c_str(), rotation->former.key.c_str());
    return exit_ok;
  };
}

std::function<int()> declare_list_keys(CLI::App& app) {
  const auto list = std::make_shared<std::string>();
  app.add_option("list", *list, "The brokers' allow-list")->required();
  return [list] { return report(describe_keys(*list)); };
}

struct KeyCommand {
  const char* name;
  const char* purpose;
  Declare declare;
};

constexpr KeyCommand key_commands[] = {
    {"server", "Make a server key, if there is none; print what clients pin", declare_server_key},
    {"bus", "Make a pair of keys for the bus; print its public half", declare_bus_key},
    {"show", "Print the public half of a pair", declare_show_key},
    {"allow", "Let a key use the bus", declare_allow_key},
    {"revoke", "End a key's right to use the bus", declare_revoke_key},
    {"rotate", "Make the pair that follows a peer's; both are valid until you revoke",
     declare_rotate_key},
    {"list", "Say who may use the bus", declare_list_keys},
};

std::function<int()> declare_key(CLI::App& app) {
  app.require_subcommand(1);
  const auto chosen = std::make_shared<std::function<int()>>();
  for (const KeyCommand& command : key_commands) {
    CLI::App& sub = *app.add_subcommand(command.name, command.purpose);
    sub.callback([chosen, body = command.declare(sub)] { *chosen = body; });
  }
  return [chosen] { return (*chosen)(); };
}

std::function<int()> declare_demo(CLI::App& app) {
  const auto options = std::make_shared<DemoOptions>();
  app.add_option("--data", options->data, "Keep what it leaves here; by default nothing is left");
  return [options] {
    options->programs = folder_of_programs();
    return run_demo(*options);
  };
}

std::function<int()> declare_server(CLI::App& app) {
  const auto name = std::make_shared<std::string>();
  const auto data = std::make_shared<std::string>();
  app.add_option("name", *name, "postgres or redis")->required();
  app.add_option("--data", *data, "Directory of everything that is kept")->required();
  return [name, data] { return run_server(*name, *data); };
}

std::function<int()> declare_version(CLI::App&) {
  return [] { return std::printf("parley %s\n", version()) < 0 ? exit_runtime : exit_ok; };
}

enum class Shown { yes, no };

struct Command {
  const char* name;
  const char* purpose;
  Declare declare;
  Shown in_help;
};

constexpr Command commands[] = {
    {"up", "Start everything on this machine and keep it running", declare_up, Shown::yes},
    {"chat", "Talk to somebody", declare_chat, Shown::yes},
    {"send", "Send one message", declare_send, Shown::yes},
    {"ask", "Ask a service of the company's own", declare_ask, Shown::yes},
    {"status", "Say who serves what and how much waits", declare_status, Shown::yes},
    {"top", "The same as it changes, what is wrong first", declare_top, Shown::yes},
    {"drain", "Let a process finish what it has and end", declare_drain, Shown::yes},
    {"poison", "List, retry or drop requests that workers died of", declare_poison, Shown::yes},
    {"trace", "Tell what happened to a request", declare_trace, Shown::yes},
    {"verify", "Let test accounts talk and say whether every promise was kept", declare_verify,
     Shown::yes},
    {"migrate", "Bring a database to this version's schema", declare_migrate, Shown::yes},
    {"key", "Make and list keys, of servers and of the bus", declare_key, Shown::yes},
    {"demo", "Start everything, let two people talk, stop everything", declare_demo, Shown::no},
    {"version", "Print the version", declare_version, Shown::yes},
    {"server", "Become the private PostgreSQL or Redis of a data directory (for `up`)",
     declare_server, Shown::no},
};

int run(int argc, char** argv) {
  CLI::App app{"Parley: instant messaging that a company runs itself", "parley"};
  app.require_subcommand(1);
  std::function<int()> chosen;
  for (const Command& command : commands) {
    CLI::App& sub = *app.add_subcommand(command.name, command.purpose);
    if (command.in_help == Shown::no) sub.group("");
    sub.callback([&chosen, body = command.declare(sub)] { chosen = body; });
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? exit_ok : exit_usage;
  }
  return chosen();
}

}  // namespace
}  // namespace parley

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  // Keys and messages must not end up in a core file.
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  return parley::run(argc, argv);
}
