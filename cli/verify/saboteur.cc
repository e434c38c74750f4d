#include "cli/verify/saboteur.h"

#include <signal.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "cli/up_file.h"

namespace parley::verify {
namespace {

constexpr Duration look_every = 50ms;
constexpr Duration pause_between = 2s;
constexpr Duration stop_length = 3s;
// `parley up` waits up to 10 s before it starts a process again, which then needs a moment.
constexpr Duration return_limit = 30s;
// More than five deaths within a minute are a loop to `parley up`.
constexpr std::size_t deaths_per_minute_max = 4;

constexpr std::array<std::string_view, 4> families = {"worker", "broker", "gateway", "redis"};

// The letter in /proc/PID/stat: R, S, D, T (stopped) …; 0: no such process.
char state_of(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  const std::size_t after_name = text.rfind(") ");
  return after_name == std::string::npos ? '\0' : text[after_name + 2];
}

std::optional<FaultKind> parse_fault(std::string_view word) {
  for (const auto& [name, way] :
       {std::pair<std::string_view, FaultKind::Way>{"kill-", FaultKind::Way::kill},
        {"stop-", FaultKind::Way::stop}})
    if (word.starts_with(name) &&
        std::ranges::find(families, word.substr(name.size())) != families.end())
      return FaultKind{way, std::string(word.substr(name.size()))};
  return std::nullopt;
}

bool is_of(const UpFile::Process& process, const std::string& family) {
  return process.name == family || process.name.starts_with(family + "-");
}

}  // namespace

Result<std::vector<FaultKind>> parse_faults(std::string_view text) {
  std::vector<FaultKind> kinds;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const auto kind = parse_fault(text.substr(0, comma));
    if (!kind)
      return fail(Errc::config, "not a fault: \"" + std::string(text.substr(0, comma)) +
                                    "\"; there are kill- and stop- with worker, broker, gateway "
                                    "and redis");
    kinds.push_back(*kind);
    text = comma == std::string_view::npos ? "" : text.substr(comma + 1);
  }
  return kinds;
}

std::string to_text(const FaultKind& kind) {
  return (kind.way == FaultKind::Way::kill ? "kill-" : "stop-") + kind.family;
}

Saboteur::Saboteur(Loop& loop, std::string data, std::vector<FaultKind> kinds, History& history)
    : data_(std::move(data)),
      kinds_(std::move(kinds)),
      history_(history),
      random_(secure_random_id()),
      state_(Idle{monotonic_now() + pause_between}),
      took_hold_(kinds_.size()),
      timer_(loop, [this] { tick(); }) {
  timer_.once(look_every);
}

Saboteur::~Saboteur() {
  if (const auto* stopped = std::get_if<Stopped>(&state_)) kill(stopped->pid, SIGCONT);
}

void Saboteur::tick() {
  std::visit([this](const auto state) { on_state(state); }, state_);
  timer_.once(look_every);
}

void Saboteur::on_state(const Idle& idle) {
  if (!finishing_ && monotonic_now() >= idle.next) break_something();
}

void Saboteur::on_state(const Killed& killed) {
  const auto file = read_up_file(data_);
  int pid = 0;
  if (file)
    for (const UpFile::Process& process : file->processes)
      if (process.name == killed.process && process.pid != killed.pid) pid = process.pid;
  if (pid == 0 && monotonic_now() < killed.at + return_limit) return;
  record(killed.kind, killed.at, killed.process, killed.pid, pid);
  state_ = Idle{monotonic_now() + pause_between};
}

void Saboteur::on_state(const Stopped& stopped) {
  Stopped now = stopped;
  if (now.state_during != 'T') now.state_during = state_of(now.pid);
  state_ = now;
  if (monotonic_now() < now.at + stop_length) return;
  kill(now.pid, SIGCONT);
  record(now.kind, now.at, now.process, now.state_before == 'T' ? 'T' : 0,
         now.state_during == 'T' ? 'T' : 0);
  state_ = Idle{monotonic_now() + pause_between};
}

// A kind whose processes have all died often lately is left out this time.
void Saboteur::break_something() {
  const std::size_t kind = turn_++ % kinds_.size();
  const auto victim = draw(kinds_[kind]);
  if (!victim) return;
  const auto& [process, pid] = *victim;
  const Instant now = monotonic_now();
  if (kinds_[kind].way == FaultKind::Way::kill) {
    if (kill(pid, SIGKILL) != 0) return;
    deaths_[process].push_back(now);
    state_ = Killed{kind, process, pid, now};
  } else {
    const char before = state_of(pid);
    if (kill(pid, SIGSTOP) != 0) return;
    state_ = Stopped{kind, process, pid, before, '\0', now};
  }
}

bool Saboteur::died_too_often(const std::string& process) {
  std::deque<Instant>& deaths = deaths_[process];
  while (!deaths.empty() && deaths.front() + 1min < monotonic_now()) deaths.pop_front();
  return deaths.size() >= deaths_per_minute_max;
}

std::optional<std::pair<std::string, int>> Saboteur::draw(const FaultKind& kind) {
  const auto file = read_up_file(data_);
  if (!file) return std::nullopt;
  std::vector<std::pair<std::string, int>> there;
  for (const UpFile::Process& process : file->processes)
    if (is_of(process, kind.family) && process.pid > 0 && !died_too_often(process.name))
      there.emplace_back(process.name, process.pid);
  if (there.empty()) return std::nullopt;
  return there[random_.below(there.size())];
}

void Saboteur::record(std::size_t kind, Instant at, const std::string& process, std::int64_t before,
                      std::int64_t after) {
  const Fault fault{
      .kind = to_text(kinds_[kind]), .target = process, .before = before, .after = after};
  took_hold_[kind] += fault.effective();
  history_.add(at, "nemesis", fault);
}

std::vector<std::string> Saboteur::kinds_without_effect() const {
  std::vector<std::string> without;
  for (std::size_t kind = 0; kind < kinds_.size(); ++kind)
    if (took_hold_[kind] == 0) without.push_back(to_text(kinds_[kind]));
  return without;
}

}  // namespace parley::verify
