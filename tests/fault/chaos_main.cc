// tests/fault/chaos [--seconds N] [--every N] [--seed N] [--only KIND,…] [--canary]; --list. Without
// arguments: the short run.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <charconv>
#include <cstdio>

#include "base/log.h"
#include "tests/fault/chaos.h"
#include "tests/support/swapped_worker.h"

namespace parley::test {
namespace {

struct Command {
  ChaosOptions chaos;
  bool list = false;
  bool canary = false;  // a worker that acknowledges before it commits: it has to be found
};

// What ./check runs: a minute of what is quickly over.
const ChaosOptions short_run{.length = 35s,
                             .every = 1s,
                             .seed = 1,
                             .only = {"broker-kill", "gateway-kill", "worker-kill", "workers-down",
                                      "postgres-kill", "postgres-backends", "commit-answer-lost",
                                      "redis-kill", "redis-wrong-types", "worker-broker-cut",
                                      "worker-postgres-silent", "clients-gateway-cut",
                                      "client-repeats"}};

Command command{.chaos = short_run};
ChaosOutcome outcome;

TEST(Chaos, IsFeltAndLosesNothing) {
  std::optional<SwappedWorker> early;
  if (command.canary) early.emplace("parley-worker-early-ack");
  outcome = run_chaos(command.chaos);
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    words.emplace_back(text.substr(0, comma));
    text = comma == std::string_view::npos ? "" : text.substr(comma + 1);
  }
  return words;
}

std::uint64_t to_number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

bool are_kinds(const std::vector<std::string>& names) {
  const std::vector<ChaosKind> all = all_kinds();
  return std::ranges::all_of(names, [&](const std::string& name) {
    return std::ranges::any_of(all, [&](const ChaosKind& k) { return k.shape.name == name; });
  });
}

bool take_word(const std::string& option, const char* value) {
  ChaosOptions& chaos = command.chaos;
  if (value == nullptr) return false;
  const std::uint64_t number = to_number(value);
  if (option == "--seconds") return chaos.length = std::chrono::seconds(number), number > 0;
  if (option == "--every") return chaos.every = std::chrono::seconds(number), number > 0;
  if (option == "--seed") return chaos.seed = number, true;
  if (option == "--only") return chaos.only = split(value), are_kinds(chaos.only);
  return false;
}

bool parse(int argc, char** argv) {
  if (argc > 1) command.chaos = {};
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--list")
      command.list = true;
    else if (option == "--canary")
      command.canary = true;
    else if (!take_word(option, i + 1 < argc ? argv[++i] : nullptr))
      return false;
  }
  return true;
}

int list() {
  for (const ChaosKind& kind : all_kinds())
    fmt::print("{:24} for {:>4} s, recovery within {:>4} s{}\n", kind.shape.name,
               std::chrono::duration<double>(kind.hold).count(),
               std::chrono::duration<double>(kind.target).count(),
               kind.unavailable ? "; not here: " + *kind.unavailable : "");
  return 0;
}

std::string reproduction() {
  const ChaosOptions& chaos = command.chaos;
  std::string text = fmt::format(
      "tests/fault/chaos --seconds {} --every {} --seed {}",
      std::chrono::duration_cast<std::chrono::seconds>(chaos.length).count(),
      std::chrono::duration_cast<std::chrono::seconds>(chaos.every).count(), chaos.seed);
  if (!chaos.only.empty()) text += fmt::format(" --only {}", fmt::join(chaos.only, ","));
  if (command.canary) text += " --canary";
  return text;
}

// The last line, and whether it is what was wanted.
bool conclude(bool passed) {
  static constexpr const char* names[] = {"valid", "invalid", "unknown"};
  if (!passed && outcome.kind == ChaosOutcome::Kind::valid) {
    outcome.kind = ChaosOutcome::Kind::invalid;
    outcome.why.push_back("a check failed, see above");
  }
  for (const std::string& why : outcome.why) fmt::print("  {}\n", why);
  fmt::print("again: {}\n", reproduction());
  fmt::print("chaos: {}, {} acked, {} faults confirmed\n",
             names[static_cast<std::size_t>(outcome.kind)], outcome.acked, outcome.confirmed);
  if (command.canary) return outcome.anomalies.contains("A1");
  return outcome.kind == ChaosOutcome::Kind::valid;
}

void fail_on_error(log::Level level, std::string_view event) {
  if (level == log::Level::error) ADD_FAILURE() << "error-level log line: " << event;
}

}  // namespace
}  // namespace parley::test

int main(int argc, char** argv) {
  using namespace parley::test;
  testing::InitGoogleMock(&argc, argv);
  if (!parse(argc, argv)) {
    std::fprintf(stderr, "chaos: not so; see --list, and tests/README.md\n");
    return 2;
  }
  if (command.list) return list();
  parley::log::set_observer(fail_on_error);
  const bool passed = RUN_ALL_TESTS() == 0;
  return conclude(passed) ? 0 : 1;
}
