#include "cli/top.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/process.h"
#include "cli/status.h"
#include "cli/top_report.h"

namespace parley {
namespace {

constexpr Duration answer_limit_max = 500ms;
constexpr const char* clear_screen = "\x1b[H\x1b[J";

bool is_terminal() { return isatty(STDOUT_FILENO) == 1; }

// 0: as many as there are.
std::size_t rows_of_terminal() {
  winsize size{};
  if (!is_terminal() || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_row > 1 ? size.ws_row - 1u : 0;  // the last is left to the cursor
}

// `limit` is below the period, so that a broker that hangs does not slow the pictures down.
Sample look(const Endpoints& brokers, Duration limit) {
  Sample sample{.at = {}, .answers = ask_brokers(brokers, limit)};
  sample.at = monotonic_now();
  return sample;
}

void wait_until(Instant moment) {
  while (monotonic_now() < moment)
    poll(nullptr, 0, static_cast<int>(to_ms(moment - monotonic_now()) + 1));
}

}  // namespace

int run_top(const TopOptions& options) {
  const auto brokers = brokers_of(options.who);
  if (!brokers) return complain("top", brokers.error());
  const Duration limit = std::min(answer_limit_max, options.every / 2);
  Instant due = monotonic_now() + options.every;
  Sample before = look(*brokers, limit);
  for (std::uint64_t shown = 0; options.count == 0 || shown < options.count; ++shown) {
    wait_until(due);
    due = std::max(due + options.every, monotonic_now());
    Sample now = look(*brokers, limit);
    if (is_terminal()) std::fputs(clear_screen, stdout);
    else if (shown > 0) std::fputc('\n', stdout);
    std::fputs(top_report(before, now, rows_of_terminal()).c_str(), stdout);
    if (std::fflush(stdout) != 0) return exit_runtime;  // nobody reads any more
    before = std::move(now);
  }
  const bool all = std::ranges::all_of(
      before.answers, [](const BrokerAnswer& answer) { return answer.status.has_value(); });
  return all ? exit_ok : exit_runtime;
}

}  // namespace parley
