#include "cli/verify/command.h"

#include <fmt/format.h>

#include <clocale>
#include <cstdio>
#include <memory>
#include <optional>

#include "base/process.h"
#include "base/random.h"
#include "cli/up_file.h"
#include "cli/verify/check.h"
#include "cli/verify/figures.h"
#include "cli/verify/saboteur.h"
#include "cli/verify/watcher.h"
#include "cli/verify/workload.h"
#include "proto/channel.h"

namespace parley::verify {
namespace {

constexpr Duration look_every = 5s;
constexpr Duration last_fault_limit = 60s;
// Fewer acknowledged messages in a second prove too little.
constexpr std::size_t acked_per_second = 1;

int complain(const Error& error) {
  std::fprintf(stderr, "parley verify: %s\n", reason_of(error).c_str());
  return exit_code_of(error);
}

int usage(const char* what) {
  std::fprintf(stderr, "parley verify: %s\n", what);
  return exit_usage;
}

template <typename... Arguments>
void say(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
  fmt::print(text, std::forward<Arguments>(arguments)...);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

// The verdict for people, and the exit code for programs.
int announce(const History& history, Verdict verdict, const std::vector<std::string>& more_doubts) {
  verdict.doubts.insert(verdict.doubts.end(), more_doubts.begin(), more_doubts.end());
  if (!verdict.doubts.empty() && verdict.findings.empty()) verdict.kind = Verdict::Kind::unknown;
  say("{}", to_text(figures_of(history)));
  say("verify: {}", describe(verdict));
  switch (verdict.kind) {
    case Verdict::Kind::valid: return exit_ok;
    case Verdict::Kind::invalid: return exit_runtime;
    case Verdict::Kind::unknown: return exit_retry;
  }
  return exit_runtime;
}

int check_file(const std::string& path) {
  const auto history = History::load(path);
  if (!history) return complain(history.error());
  return announce(*history, judge(*history, {.dump = Needed::Dump::if_there}), {});
}

Result<WorkloadOptions> choose_people(const VerifyOptions& options) {
  WorkloadOptions chosen;
  if (options.accounts.empty()) {
    const std::string prefix = fmt::format("verify-{:08x}", secure_random_id() >> 32);
    for (unsigned i = 0; i < 2 * options.pairs; ++i)
      chosen.people.push_back(
          {fmt::format("{}-{}", prefix, i),
           fmt::format("{:016x}{:016x}", secure_random_id(), secure_random_id())});
    say("Registers {} test accounts, {}-0 to {}-{}; they stay.", chosen.people.size(), prefix,
        prefix, chosen.people.size() - 1);
    return chosen;
  }
  PARLEY_TRY(const auto password, password_from_file());
  if (!password) return fail(Errc::config, "the accounts' password? PARLEY_PASSWORD_FILE");
  for (const std::string& name : options.accounts) chosen.people.push_back({name, *password});
  chosen.account = client::Account::existing;
  return chosen;
}

// A run: who chats, what is broken, what is watched.
class Run {
 public:
  Run(const VerifyOptions& options, Server server, WorkloadOptions people)
      : options_(options), server_(std::move(server)), people_(std::move(people)) {}

  Status prepare() {
    const std::string& data = options_.server.data;
    PARLEY_TRY(kinds_, parse_faults(options_.faults));
    if (!data.empty()) {
      PARLEY_TRY(const UpFile up, read_up_file(data));
      if (up.state != "running")
        return fail(Errc::retry_later, "what is in " + data + " is " + up.state);
      database_.emplace(up.database);
      PARLEY_TRY(watcher_, Watcher::open(data));
    }
    chat_.emplace(server_, people_, database_ ? &*database_ : nullptr);
    if (!chat_->log_in())
      return fail(Errc::retry_later, "the test accounts cannot log in: " + first_error());
    if (!chat_->is_fresh())
      return fail(Errc::config, "accounts that have talked to each other before are of no use");
    return {};
  }

  int carry_out() {
    watch_all();
    chat();
    say("Everybody stops writing and comes back; what they have is compared.");
    if (!chat_->finish_sending()) doubts_.push_back("not everything was answered in the end");
    if (!chat_->settle())
      doubts_.push_back("not every device had everything in the end, or not everything was learnt");
    const std::vector<UserId> users = chat_->users();
    chat_->leave();
    chat_->wait(1s);
    if (watcher_) {
      watcher_->look_at_attempts(users, chat_->history());
    }
    watch_all();
    return conclude();
  }

 private:
  std::string first_error() const {
    const auto errors = chat_->visible_errors();
    return errors.empty() ? "no answer" : errors.front();
  }

  void watch_all() {
    if (!watcher_) return;
    watcher_->look_at_brokers(chat_->history());
    watcher_->look_at_processes(chat_->history());
  }

  void chat() {
    say("{} users with two devices each chat for {} s{}{}.", people_.people.size(),
        options_.seconds, kinds_.empty() ? "" : "; meanwhile: ", options_.faults);
    std::optional<Saboteur> saboteur;
    if (!kinds_.empty())
      saboteur.emplace(chat_->loop(), options_.server.data, kinds_, chat_->history());
    const Instant end = monotonic_now() + std::chrono::seconds(options_.seconds);
    Instant next_look = monotonic_now() + look_every;
    chat_->run_until([&] {
      const Instant now = monotonic_now();
      if (watcher_ && now >= next_look) {
        watcher_->look_at_brokers(chat_->history());
        next_look = now + look_every;
      }
      if (now < end) return false;
      if (!saboteur) return true;
      saboteur->finish();
      return saboteur->is_done() || now > end + last_fault_limit;
    });
    if (!saboteur) return;
    for (const std::string& kind : saboteur->kinds_without_effect())
      doubts_.push_back("no fault of the kind " + kind + " took hold");
  }

  int conclude() {
    chat_->history().sort();
    if (!options_.history.empty()) {
      const Status saved = chat_->history().save(options_.history);
      if (!saved) return complain(saved.error());
      say("The history is in {}.", options_.history);
    }
    report_visible_errors();
    return announce(chat_->history(),
                    judge(chat_->history(),
                          {.acked = options_.seconds * acked_per_second,
                           .effective_faults = kinds_.size(),
                           .dump = database_ ? Needed::Dump::required : Needed::Dump::if_there}),
                    doubts_);
  }

  // No anomaly by itself, but a person would have noticed.
  void report_visible_errors() {
    const auto errors = chat_->visible_errors();
    if (errors.empty()) return;
    say("Users would have noticed {} errors; the first: {}", errors.size(), errors.front());
  }

  const VerifyOptions& options_;
  const Server server_;
  const WorkloadOptions people_;
  std::vector<FaultKind> kinds_;
  std::optional<Database> database_;
  std::optional<Watcher> watcher_;
  std::optional<Workload> chat_;
  std::vector<std::string> doubts_;
};

}  // namespace

int run_verify(const VerifyOptions& options) {
  std::setlocale(LC_ALL, "");
  init_crypto();
  if (!options.check.empty()) return check_file(options.check);
  if (!options.faults.empty() && options.server.data.empty())
    return usage("--faults breaks processes of this machine: it needs --data");
  if (options.accounts.size() % 2 != 0) return usage("--account: an even number of them");
  const auto server = find_server(options.server);
  if (!server) return complain(server.error());
  auto people = choose_people(options);
  if (!people) return complain(people.error());
  Run run(options, {server->gateways, server->key}, *std::move(people));
  if (const Status ready = run.prepare(); !ready) return complain(ready.error());
  return run.carry_out();
}

}  // namespace parley::verify
