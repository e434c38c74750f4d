#include <algorithm>

#include "cli/verify/check.h"

namespace parley::verify {
namespace {

using Found = std::vector<std::string>;

constexpr Duration progress_limit = 10s;

struct Wait {
  Instant from;
  Instant to;
};

struct Device {
  std::vector<Wait> waits;
  std::vector<Instant> completed;
};

std::map<std::string_view, Device> devices_of(const HistoryIndex& index) {
  std::map<std::string_view, Device> devices;
  const auto enter = [&](std::string_view process, Instant from, std::optional<Instant> to) {
    Device& device = devices[process];
    device.waits.push_back({std::max(from, *index.healed_at), to.value_or(index.last_at)});
    if (to) device.completed.push_back(*to);
  };
  for (const auto& [op, attempt] : index.attempts)
    enter(attempt.process, attempt.invoked_at, attempt.ended_at);
  for (const Pull& pull : index.pulls) enter(pull.process, pull.invoked_at, pull.ended_at);
  for (auto& [process, device] : devices) std::ranges::sort(device.completed);
  return devices;
}

// The longest time within a wait in which the device was answered nothing at all.
Duration silence(const Device& device, const Wait& wait) {
  Duration longest{};
  Instant from = wait.from;
  auto next = std::ranges::upper_bound(device.completed, wait.from);
  for (; next != device.completed.end() && *next < wait.to; ++next) {
    longest = std::max(longest, *next - from);
    from = *next;
  }
  return std::max(longest, wait.to - from);
}

void no_progress(const HistoryIndex& index, Found& found) {
  if (!index.healed_at) return;
  for (const auto& [process, device] : devices_of(index)) {
    Duration longest{};
    for (const Wait& wait : device.waits)
      if (wait.to - wait.from > progress_limit) longest = std::max(longest, silence(device, wait));
    if (longest > progress_limit)
      found.push_back(std::string(process) + " waited and was answered nothing for " +
                      std::to_string(to_ms(longest)) + " ms, although nothing was broken any more");
  }
}

constexpr std::size_t amplification_max = 3;
constexpr std::size_t ops_for_a_ratio = 100;

// What the devices asked for, each login, send, page and receipt once.
std::size_t ops_of(const HistoryIndex& index) {
  std::size_t ops = index.attempts.size() + index.pulls.size();
  for (const Event& event : index.history.events())
    ops += std::holds_alternative<ReceiptInvoked>(event.what) ||
           std::holds_alternative<SessionBegan>(event.what);
  return ops;
}

void amplification(const HistoryIndex& index, Found& found) {
  std::map<std::string_view, std::int64_t> last;
  std::size_t requests = 0;
  for (const Event& event : index.history.events()) {
    const auto* gauge = std::get_if<Gauge>(&event.what);
    if (!gauge || gauge->name != "bus_requests") continue;
    // A counter that fell began anew: its process did.
    const auto before = last.try_emplace(event.process, gauge->value).first;
    if (gauge->value > before->second)
      requests += static_cast<std::size_t>(gauge->value - before->second);
    before->second = gauge->value;
  }
  const std::size_t ops = ops_of(index);
  if (ops >= ops_for_a_ratio && requests > amplification_max * ops)
    found.push_back(std::to_string(ops) + " requests of devices became " +
                    std::to_string(requests) + " on the bus");
}

void over_its_bound(const HistoryIndex& index, Found& found) {
  for (const Event& event : index.history.events())
    if (const auto* gauge = std::get_if<Gauge>(&event.what);
        gauge && gauge->limit > 0 && gauge->value > gauge->limit)
      found.push_back(event.process + ": " + gauge->name + " " + std::to_string(gauge->value) +
                      " is beyond its bound " + std::to_string(gauge->limit));
}

// What a process may have more of in the end than in the beginning, beyond a tenth: warm caches, a
// log file, a connection that was opened again.
std::int64_t slack_of(std::string_view gauge) {
  if (gauge == "rss_bytes") return 64 << 20;
  return gauge == "fds" ? 16 : -1;
}

void never_given_back(const HistoryIndex& index, Found& found) {
  struct Span {
    std::int64_t first = 0;
    std::int64_t last = 0;
    bool lives_to_the_end = false;  // who died meanwhile was never looked at without his clients
  };
  std::map<std::pair<std::string_view, std::string_view>, Span> spans;
  bool quiesced = false;
  for (const Event& event : index.history.events()) {
    quiesced = quiesced || std::holds_alternative<Quiesced>(event.what);
    const auto* gauge = std::get_if<Gauge>(&event.what);
    if (!gauge || slack_of(gauge->name) < 0) continue;
    Span& span =
        spans.try_emplace({event.process, gauge->name}, Span{gauge->value, 0}).first->second;
    span.last = gauge->value;
    span.lives_to_the_end = quiesced;
  }
  for (const auto& [whose, span] : spans)
    if (span.lives_to_the_end &&
        span.last > span.first + span.first / 10 + slack_of(whose.second))
      found.push_back(std::string(whose.first) + ": " + std::string(whose.second) + " were " +
                      std::to_string(span.first) + " before and are " + std::to_string(span.last) +
                      " after everybody has left");
}

void leak(const HistoryIndex& index, Found& found) {
  over_its_bound(index, found);
  never_given_back(index, found);
}

constexpr std::uint64_t attempts_max = 3;

void poison_loop(const HistoryIndex& index, Found& found) {
  for (const Event& event : index.history.events())
    if (const auto* tried = std::get_if<Attempted>(&event.what);
        tried && tried->attempt > attempts_max)
      found.push_back("request " + std::to_string(tried->request) + " was tried " +
                      std::to_string(tried->attempt) + " times");
}

constexpr Rule rules[] = {
    {"L1", "when nothing is broken, whoever asks is answered something within ten seconds",
     no_progress},
    {"L2", "the bus carries at most three requests for each that a device made", amplification},
    {"L4", "nothing grows beyond its bound, or stays when everybody has left", leak},
    {"L5", "a request is tried three times at most", poison_loop},
};

}  // namespace

std::span<const Rule> liveness_rules() { return rules; }

}  // namespace parley::verify
