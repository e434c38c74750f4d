#include "cli/up.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <ctime>

#include "base/process.h"
#include "base/random.h"
#include "cli/logged_process.h"
#include "cli/toml_text.h"
#include "cli/up_file.h"

namespace parley {
namespace {

constexpr Duration probe_every = 20ms;
constexpr unsigned tail_lines = 8;

// As a person can paste it into a shell.
std::string shell_word(const std::string& text) {
  const bool plain = text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                            "0123456789_-./") == std::string::npos;
  if (plain) return text;
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

// Blocked before any child is started, and read as a file.
int termination_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

enum class Phase { starting, running, stopping, stopped };
constexpr const char* phase_names[] = {"starting", "running", "stopping", "stopped"};

class Up {
 public:
  Up(DataDirectory data, Family family)
      : data_(std::move(data)),
        family_(std::move(family)),
        supervisor_(children_of(family_), {}, Random(secure_random_id())),
        processes_(family_.members().size()),
        last_end_(family_.members().size()),
        signals_(termination_signals()) {}
  ~Up() { close(signals_); }

  int run() {
    say("Starting in %s", data_.path().c_str());
    supervisor_.begin(monotonic_now());
    while (!result_) {
      perform(supervisor_.take_actions());
      record();
      if (!result_) wait();
    }
    return *result_;
  }

 private:
  using Actions = std::vector<Supervisor::Action>;

  static std::vector<Supervisor::Child> children_of(const Family& family) {
    std::vector<Supervisor::Child> children;
    for (const Member& member : family.members()) children.push_back(member.child);
    return children;
  }

  const std::string& name(std::size_t child) const { return family_.members()[child].child.name; }

  [[gnu::format(printf, 2, 3)]] void say(const char* format, ...) const {
    char clock[16];
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    std::strftime(clock, sizeof clock, "%H:%M:%S", localtime_r(&now, &local));
    std::printf("%s  ", clock);
    std::va_list arguments;
    va_start(arguments, format);
    std::vprintf(format, arguments);
    va_end(arguments);
    std::putchar('\n');
    std::fflush(stdout);
  }

  // Starting may fail at once, which is an action again.
  void perform(Actions actions) {
    for (; !actions.empty(); actions = supervisor_.take_actions())
      for (const Supervisor::Action& action : actions)
        std::visit([this](const auto& a) { perform_one(a); }, action);
  }

  void perform_one(const Supervisor::Start& start) {
    const Member& member = family_.members()[start.child];
    auto started = LoggedProcess::start(member.program, member.log, data_.lock_fd());
    if (!started) {
      last_end_[start.child] = "it cannot be started: " + started.error().detail;
      supervisor_.on_exit(start.child, false, monotonic_now());
      return;
    }
    processes_[start.child].emplace(std::move(*started));
    if (member.server == nullptr) supervisor_.on_ready(start.child, monotonic_now());
  }
  void perform_one(const Supervisor::Stop& stop) {
    signal(stop.child, family_.members()[stop.child].stop_signal);
  }
  void perform_one(const Supervisor::Kill& kill) {
    say("%s does not do what it should in time and is killed", name(kill.child).c_str());
    signal(kill.child, SIGKILL);
  }
  // A child that ended, or could not be started, after the supervisor asked for this is not there.
  void signal(std::size_t child, int number) {
    if (processes_[child]) processes_[child]->process().signal(number);
  }
  void perform_one(const Supervisor::Died& died) {
    const double seconds = static_cast<double>(to_ms(died.again_after)) / 1e3;
    say("%s ended (%s); started again in %.1f s", name(died.child).c_str(),
        last_end_[died.child].c_str(), seconds);
    if (died.crash_loop)
      say("%s ends again and again: see %s", name(died.child).c_str(),
          family_.members()[died.child].log.c_str());
  }
  void perform_one(const Supervisor::AllReady&) {
    phase_ = Phase::running;
    if (const auto written = write_client_file(); !written) complain(written.error());
    if (const auto written = write_business_file(); !written) complain(written.error());
    invite();
  }
  void perform_one(const Supervisor::Finished& finished) {
    phase_ = Phase::stopped;
    for (const Member& member : family_.members())
      if (member.server != nullptr) member.server->clean_up();
    if (finished.failed) {
      const std::string& log = family_.members()[*finished.failed].log;
      std::fprintf(stderr, "parley up: %s did not start (%s). The end of %s:\n%s",
                   name(*finished.failed).c_str(),
                   last_end_[*finished.failed].c_str(), log.c_str(),
                   tail_of(log, tail_lines).c_str());
    } else {
      say("Stopped.");
    }
    result_ = finished.failed ? exit_runtime : exit_ok;
  }

  // What people give to `parley chat --config`, also on another machine.
  Status write_client_file() const {
    return write_file(data_.path() + "/client.toml", TomlText()
                                                         .section("client")
                                                         .list("gateways", family_.gateways())
                                                         .text("pin", family_.pin())
                                                         .str());
  }

  // What people give to a business system, beside a key of its own.
  Status write_business_file() const {
    if (family_.business_endpoints().empty()) return {};
    return write_file(
        data_.path() + "/business.toml",
        TomlText().section("bus").list("brokers", family_.business_endpoints()).str());
  }

  void invite_business(const std::string& parley) const {
    if (family_.business_endpoints().empty()) return;
    std::printf(
        "  Business systems connect to what business.toml in the same folder says. Admit one:\n"
        "      %s key bus crm.key\n"
        "      %s key allow %s business crm crm.key\n\n",
        parley.c_str(), parley.c_str(), shell_word(data_.allowed_keys()).c_str());
  }

  void invite() const {
    say("Parley runs. Clients connect to %s.", family_.gateways().front().c_str());
    const std::string parley = shell_word(family_.members().front().program.arguments.front());
    const std::string data = shell_word(data_.path());
    std::printf(
        "\n"
        "  Chat, each in a terminal of his own:\n"
        "      %s chat --data %s alice bob\n"
        "      %s chat --data %s bob alice\n"
        "  What runs:  %s status --data %s\n"
        "  Logs:       %s/log\n"
        "  Stop:       Ctrl-C\n\n",
        parley.c_str(), data.c_str(), parley.c_str(), data.c_str(), parley.c_str(), data.c_str(),
        data_.path().c_str());
    invite_business(parley);
    std::fflush(stdout);
  }

  void complain(const Error& error) const {
    std::fprintf(stderr, "parley up: %s\n", error.detail.c_str());
  }

  // Sleeps until something happens, and tells the supervisor what.
  void wait() {
    std::vector<pollfd> polled{{signals_, POLLIN, 0}};
    for (auto& process : processes_)
      if (process) {
        polled.push_back({process->process().ended_fd(), POLLIN, 0});
        polled.push_back({process->output_fd(), POLLIN, 0});
      }
    poll(polled.data(), polled.size(), timeout_ms());
    read_signals();
    for (std::size_t i = 0; i < processes_.size(); ++i) look_after(i);
    supervisor_.tick(monotonic_now());
  }

  int timeout_ms() const {
    Duration timeout = 1h;
    for (std::size_t i = 0; i < processes_.size(); ++i)
      if (awaits_answer(i)) timeout = probe_every;
    if (const auto deadline = supervisor_.next_deadline())
      timeout = std::min(timeout, *deadline - monotonic_now());
    return static_cast<int>(std::max<std::int64_t>(0, to_ms(timeout) + 1));
  }

  bool awaits_answer(std::size_t child) const {
    return processes_[child] && family_.members()[child].server != nullptr &&
           supervisor_.is_starting(child);
  }

  void read_signals() {
    signalfd_siginfo info{};
    while (read(signals_, &info, sizeof info) == sizeof info) {
      if (phase_ == Phase::stopping) continue;
      phase_ = Phase::stopping;
      say("Stopping: gateways first, then workers, brokers, servers");
      supervisor_.stop(monotonic_now());
    }
  }

  void look_after(std::size_t child) {
    if (!processes_[child]) return;
    processes_[child]->pump();
    Process& process = processes_[child]->process();
    if (const auto exit = process.poll_exit()) {
      last_end_[child] = describe(*exit);
      processes_[child].reset();
      supervisor_.on_exit(child, exit->ok(), monotonic_now());
    } else if (awaits_answer(child) && family_.members()[child].server->is_ready(process.pid())) {
      supervisor_.on_ready(child, monotonic_now());
    }
  }

  // Keeps up.json true.
  void record() {
    UpFile now{.pid = phase_ == Phase::stopped ? 0 : getpid(),
               .state = phase_names[static_cast<std::size_t>(phase_)],
               .gateways = family_.gateways(),
               .pin = family_.pin(),
               .brokers = family_.broker_endpoints(),
               .business = family_.business_endpoints(),
               .database = family_.database_url(),
               .redis = family_.redis_url(),
               .processes = {}};
    for (std::size_t i = 0; i < processes_.size(); ++i)
      now.processes.push_back({name(i), processes_[i] ? processes_[i]->process().pid() : 0,
                               std::string(supervisor_.state_name(i)), supervisor_.restarts(i),
                               family_.members()[i].log});
    if (now == recorded_) return;
    if (const auto written = write_up_file(data_.path(), now); !written) complain(written.error());
    recorded_ = std::move(now);
  }

  DataDirectory data_;
  Family family_;
  Supervisor supervisor_;
  std::vector<std::optional<LoggedProcess>> processes_;
  std::vector<std::string> last_end_;  // how each child ended last, for people
  UpFile recorded_;
  Phase phase_ = Phase::starting;
  int signals_;
  std::optional<int> result_;
};

int exit_code_of(const Error& error) {
  std::fprintf(stderr, "parley up: %s\n", error.detail.c_str());
  return error.code == Errc::config ? exit_config : exit_runtime;
}

}  // namespace

int run_up(const UpOptions& options) {
  auto data = DataDirectory::claim(options.data);
  if (!data) return exit_code_of(data.error());
  auto family = Family::lay_out(*data, options.family);
  if (!family) return exit_code_of(family.error());
  return Up(std::move(*data), std::move(*family)).run();
}

}  // namespace parley
