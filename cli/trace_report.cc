#include "cli/trace_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "base/error.h"
#include "cli/report_text.h"
#include "proto/trace_text.h"
#include "proto/verbs.h"

namespace parley {
namespace {

struct Point {
  std::string_view name;
  std::string_view text;
};
constexpr std::array points{
#define PARLEY_FLIGHT_POINT(name, text) Point{#name, text},
#include "bus/flight_points.def"
#undef PARLEY_FLIGHT_POINT
};

// A point of a newer version is shown by its name.
std::string text_of(const std::string& point) {
  const auto known = std::ranges::find(points, point, &Point::name);
  return std::string(known != points.end() ? known->text : point);
}

std::string error_text(std::uint32_t error) {
  const auto known = errc_from(static_cast<std::uint16_t>(error));
  return known ? std::string(name_of(*known)) : fmt::format("error {}", error);
}

std::string verb_text(std::uint32_t verb) {
  const auto known = verb_info(static_cast<std::uint16_t>(verb));
  return known ? std::string(known->name) : fmt::format("verb {}", verb);
}

std::string ms_text(std::int64_t us) { return fmt::format("{}.{:03} ms", us / 1000, us % 1000); }

// Causes before their effects; what may have been the cause of each.
struct Step {
  std::string_view point;
  std::vector<std::string_view> causes;
  enum class Attempt { same, any } attempt = Attempt::any;
};
const std::vector<Step>& way_of_a_request() {
  static const std::vector<Step> way{
      {"gateway_published", {}},
      {"business_asked", {}},
      {"broker_accepted", {"gateway_published", "business_asked"}},
      {"broker_refused", {"gateway_published", "business_asked"}},
      {"broker_sent", {"broker_accepted"}},
      {"worker_received", {"broker_sent"}, Step::Attempt::same},
      {"worker_replied", {"worker_received"}, Step::Attempt::same},
      {"business_received", {"broker_sent"}, Step::Attempt::same},
      {"business_replied", {"business_received"}, Step::Attempt::same},
      {"broker_taken_back", {"broker_sent"}},
      {"broker_parked", {"broker_sent"}},
      {"broker_expired", {"broker_accepted"}},
      {"broker_replied", {"worker_replied", "business_replied"}},
      {"broker_late_reply", {"worker_replied", "business_replied"}},
      {"broker_delivered", {"worker_received"}},
      {"broker_dropped", {"worker_received"}},
      {"gateway_delivered", {"broker_delivered"}},
      {"gateway_replied",
       {"broker_replied", "broker_refused", "broker_parked", "broker_expired"}},
      {"business_got_answer",
       {"broker_replied", "broker_refused", "broker_parked", "broker_expired"}},
  };
  return way;
}

std::size_t place_of(const std::string& point) {
  const auto& way = way_of_a_request();
  return static_cast<std::size_t>(std::ranges::find(way, point, &Step::point) - way.begin());
}

// Further apart than this is no matter of clocks: an answer that came too late, say.
constexpr std::int64_t clocks_apart_max_us = 20'000;

void put_behind_cause(TraceLine& effect, const Step& step, const std::vector<TraceLine*>& lines) {
  std::optional<std::int64_t> earliest;
  for (const TraceLine* line : lines) {
    if (std::ranges::find(step.causes, line->event.point()) == step.causes.end()) continue;
    const bool fits = step.attempt == Step::Attempt::any ||
                      line->event.attempt() == effect.event.attempt();
    if (fits) earliest = std::min(earliest.value_or(line->event.at_us()), line->event.at_us());
  }
  const std::int64_t at = effect.event.at_us();
  if (earliest && *earliest > at && *earliest - at <= clocks_apart_max_us)
    effect.event.set_at_us(*earliest);
}

void put_in_order(std::vector<TraceLine>& lines) {
  std::map<std::uint64_t, std::vector<TraceLine*>> traces;
  for (TraceLine& line : lines) traces[line.event.trace()].push_back(&line);
  for (const auto& [trace, of_trace] : traces)
    for (const Step& step : way_of_a_request())
      for (TraceLine* line : of_trace)
        if (line->event.point() == step.point) put_behind_cause(*line, step, of_trace);
  std::ranges::stable_sort(lines, [](const TraceLine& a, const TraceLine& b) {
    if (a.event.at_us() != b.event.at_us()) return a.event.at_us() < b.event.at_us();
    return place_of(a.event.point()) < place_of(b.event.point());
  });
}

// Null: there is none.
const TraceLine* last_of(const std::vector<TraceLine>& lines,
                         std::initializer_list<std::string_view> wanted) {
  const auto found = std::find_if(lines.rbegin(), lines.rend(), [&](const TraceLine& line) {
    return std::ranges::find(wanted, line.event.point()) != wanted.end();
  });
  return found != lines.rend() ? &*found : nullptr;
}

// Who asked knows best. If he does not tell, as business systems need not, it is what he was sent.
const TraceLine* answer_of(const std::vector<TraceLine>& lines) {
  if (last_of(lines, {"gateway_published", "gateway_replied"}) != nullptr)
    return last_of(lines, {"gateway_replied"});
  if (last_of(lines, {"business_asked", "business_got_answer"}) != nullptr)
    return last_of(lines, {"business_got_answer"});
  return last_of(lines, {"broker_replied", "broker_refused", "broker_expired"});
}

std::string outcome_of(const std::vector<TraceLine>& lines) {
  if (last_of(lines, {"broker_parked"}) != nullptr) return "set aside as poison";
  const TraceLine* answer = answer_of(lines);
  if (answer == nullptr) return "no answer is known";
  const std::uint32_t error = answer->event.error();
  return error == 0 ? "answered" : "answered with " + error_text(error);
}

// Others may be told later, and somebody answer too late.
const TraceLine& end_of(const std::vector<TraceLine>& lines) {
  const TraceLine* answer = answer_of(lines);
  return answer != nullptr ? *answer : lines.back();
}

std::string headline(const TraceSummary& summary) {
  const std::string user = summary.user != 0 ? fmt::format(" of user {}", summary.user) : "";
  return fmt::format("{}: {}{}, {}, {}", trace_text(summary.trace), verb_text(summary.verb), user,
                     summary.outcome, ms_text(summary.took_us));
}

std::string remark(const wire::TraceAnswer::Event& event) {
  std::string text;
  if (event.attempt() > 0) text += fmt::format(", attempt {}", event.attempt());
  if (event.error() != 0) text += ": " + error_text(event.error());
  return text;
}

}  // namespace

std::vector<TraceLine> merged(const std::vector<wire::TraceAnswer>& answers) {
  std::map<std::string, const wire::TraceAnswer*> fullest;
  for (const wire::TraceAnswer& answer : answers) {
    const auto [known, is_new] = fullest.try_emplace(answer.process(), &answer);
    if (answer.events_size() > known->second->events_size()) known->second = &answer;
  }
  std::vector<TraceLine> lines;
  for (const auto& [process, answer] : fullest)
    for (const auto& event : answer->events()) lines.push_back({process, event});
  put_in_order(lines);
  return lines;
}

TraceSummary summary_of(const std::vector<TraceLine>& lines) {
  TraceSummary summary{.trace = lines.front().event.trace(),
                       .began_us = lines.front().event.at_us(),
                       .took_us = end_of(lines).event.at_us() - lines.front().event.at_us(),
                       .outcome = outcome_of(lines)};
  for (const TraceLine& line : lines) {
    if (line.event.verb() != 0) summary.verb = line.event.verb();
    if (line.event.user() != 0) summary.user = line.event.user();
  }
  return summary;
}

std::string trace_story(const std::vector<TraceLine>& lines) {
  std::string out = headline(summary_of(lines)) + "\n";
  std::size_t widest = 12;
  for (const TraceLine& line : lines) widest = std::max(widest, line.process.size());
  std::int64_t before_us = lines.front().event.at_us();
  for (const auto& [process, event] : lines) {
    const std::string step = &event == &lines.front().event
                                 ? std::string()
                                 : "+" + ms_text(event.at_us() - before_us);
    out += fmt::format("  {}{:>16}  {:<{}}  {}{}\n", clock_us_text(event.at_us()), step, process,
                       widest, text_of(event.point()), remark(event));
    before_us = event.at_us();
  }
  return out;
}

std::string trace_table(const std::vector<TraceSummary>& summaries) {
  constexpr auto line = "{:<17}{:<18}{:<22}{:>14}  {}\n";
  std::string out = fmt::format(line, "time", "trace", "verb", "took", "outcome");
  for (const TraceSummary& summary : summaries)
    out += fmt::format(line, clock_us_text(summary.began_us), trace_text(summary.trace),
                       verb_text(summary.verb), ms_text(summary.took_us), summary.outcome);
  return out;
}

std::vector<std::uint64_t> newest_traces(const std::vector<TraceLine>& lines, std::size_t count) {
  std::vector<std::uint64_t> traces;
  for (auto line = lines.rbegin(); line != lines.rend() && traces.size() < count; ++line)
    if (std::ranges::find(traces, line->event.trace()) == traces.end())
      traces.push_back(line->event.trace());
  return traces;
}

}  // namespace parley
