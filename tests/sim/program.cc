#include "tests/sim/program.h"

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/log.h"
#include "tests/sim/world.h"

namespace {

using namespace parley;
using namespace parley::sim;

constexpr std::size_t violations_shown = 10;

struct Settings {
  std::uint64_t seeds = 300;
  std::uint64_t from = 1;
  std::string command = "tests/sim/run";  // how it was started, to say how to repeat a seed
  Verbosity verbosity = Verbosity::quiet;
};
Settings settings;
thread_local std::uint64_t seed_of_this_thread = 0;

void print_violation(std::uint64_t seed, const char* what) {
  std::printf("seed %llu: %s\n    %s --from %llu --seeds 1 --verbose\n",
              static_cast<unsigned long long>(seed), what, settings.command.c_str(),
              static_cast<unsigned long long>(seed));
}

// A broken invariant of the code under test, or worse.
void on_crash(int signal) {
  print_violation(seed_of_this_thread,
                  signal == SIGABRT ? "an assertion failed (above)" : "a crash");
  std::printf("sim: 1 violation\n");
  std::fflush(stdout);
  std::_Exit(1);
}

struct Totals {
  std::uint64_t events = 0, faults = 0, repeats = 0;
  Judge::Counts counts;
  template <typename Part>  // a Report, or Totals
  void add(const Part& part) {
    events += part.events;
    faults += part.faults;
    repeats += part.repeats;
    for (const auto count : {&Judge::Counts::published, &Judge::Counts::positive,
                             &Judge::Counts::retry_later, &Judge::Counts::no_service,
                             &Judge::Counts::internal, &Judge::Counts::repeated,
                             &Judge::Counts::abandoned})
      counts.*count += part.counts.*count;
  }
};

// What one thread has found.
struct Findings {
  Totals totals;
  std::map<std::uint64_t, std::string> violations;
};

void explore(std::atomic<std::uint64_t>& next, std::uint64_t end, std::atomic<std::size_t>& found,
             Findings& findings) {
  for (std::uint64_t seed = next++; seed < end && found < violations_shown; seed = next++) {
    seed_of_this_thread = seed;
    World world(seed, settings.verbosity);
    const Report report = world.run();
    findings.totals.add(report);
    if (!report.violation) continue;
    ++found;
    findings.violations.emplace(seed, *report.violation);
  }
}

bool parse(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--verbose") {
      settings.verbosity = Verbosity::every_step;
      continue;
    }
    if (i + 1 == argc) return false;
    const std::string_view value = argv[++i];
    if (option == "--command") {
      settings.command = value;
      continue;
    }
    std::uint64_t* const number =
        option == "--seeds" ? &settings.seeds : option == "--from" ? &settings.from : nullptr;
    if (number == nullptr) return false;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), *number);
    if (error != std::errc{} || end != value.data() + value.size()) return false;
  }
  return true;
}

}  // namespace

int parley::sim::run_program(int argc, char** argv) {
  if (!parse(argc, argv)) {
    std::fprintf(stderr, "usage: parley-sim [--seeds N] [--from S] [--verbose] [--command TEXT]\n");
    return 2;
  }
  std::signal(SIGABRT, on_crash);
  std::signal(SIGSEGV, on_crash);
  log::start("parley-sim", log::Level::error);
  const bool in_order = settings.verbosity == Verbosity::every_step;
  std::vector<Findings> findings(in_order ? 1 : std::max(1U, std::thread::hardware_concurrency()));
  std::atomic<std::uint64_t> next = settings.from;
  std::atomic<std::size_t> found = 0;
  std::vector<std::thread> threads;
  for (Findings& mine : findings)
    threads.emplace_back(
        [&] { explore(next, settings.from + settings.seeds, found, mine); });
  for (std::thread& thread : threads) thread.join();
  log::stop();

  Totals totals;
  std::map<std::uint64_t, std::string> violations;
  for (Findings& mine : findings) {
    totals.add(mine.totals);
    violations.merge(mine.violations);
  }
  const auto print = [](const char* what, std::uint64_t count) {
    std::printf("%12llu %s\n", static_cast<unsigned long long>(count), what);
  };
  print("events", totals.events);
  print("faults", totals.faults);
  print("envelopes that arrived twice", totals.repeats);
  print("requests asked", totals.counts.published);
  print("answered positively", totals.counts.positive);
  print("answered retry_later", totals.counts.retry_later);
  print("answered no_service", totals.counts.no_service);
  print("answered internal", totals.counts.internal);
  print("received by a worker again", totals.counts.repeated);
  print("abandoned by a dying gateway", totals.counts.abandoned);
  for (const auto& [seed, what] : violations) print_violation(seed, what.c_str());
  const auto ran = static_cast<unsigned long long>(settings.seeds);
  if (violations.empty()) std::printf("sim: %llu seeds, 0 violations\n", ran);
  else std::printf("sim: %zu violations\n", violations.size());
  return violations.empty() ? 0 : 1;
}
