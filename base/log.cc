#include "base/log.h"

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cmath>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/json.h"

namespace parley::log {
namespace {

constexpr std::size_t queue_lines_max = 8'192;  // then the oldest are dropped (overrun_oldest)

// The one sink of the process. Set up before threads, torn down after them.
struct Sink {
  std::string process = "parley";
  Level level = Level::info;
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::logger> logger;
  Observer observer;
};

Sink& sink() {
  static Sink instance;
  return instance;
}

std::string_view name_of(Level level) {
  switch (level) {
    case Level::debug: return "debug";
    case Level::info: return "info";
    case Level::warn: return "warn";
    case Level::error: return "error";
  }
  return "?";
}

void append_value(const Field::Value& value, std::string& out) {
  std::visit(
      [&out](const auto& v) {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::string_view>)
          append_json_string(v, out);
        else if constexpr (std::is_same_v<T, bool>)
          out += v ? "true" : "false";
        else if constexpr (std::is_same_v<T, double>)
          out += std::isfinite(v) ? fmt::format("{}", v) : "null";
        else
          out += fmt::format("{}", v);
      },
      value);
}

std::string line_of(Level level, std::string_view event, Fields fields) {
  std::string line =
      fmt::format(R"({{"t":{},"level":"{}","process":)", wall_clock_ms(), name_of(level));
  append_json_string(sink().process, line);
  line += ",\"event\":";
  append_json_string(event, line);
  for (const Field& field : fields) {
    line += ',';
    append_json_string(field.name, line);
    line += ':';
    append_value(field.value, line);
  }
  line += '}';
  return line;
}

void write(Level level, std::string_view event, Fields fields) {
  Sink& s = sink();
  if (s.observer) s.observer(level, event);
  if (level < s.level) return;
  const std::string line = line_of(level, event, fields);
  if (s.logger)
    s.logger->log(spdlog::level::critical, line);
  else
    std::fprintf(stderr, "%s\n", line.c_str());
}

}  // namespace

void start(std::string_view process, Level level) {
  Sink& s = sink();
  s.process = process;
  s.level = level;
  s.pool = std::make_shared<spdlog::details::thread_pool>(queue_lines_max, 1);
  s.logger = std::make_shared<spdlog::async_logger>(
      "parley", std::make_shared<spdlog::sinks::stderr_sink_mt>(), s.pool,
      spdlog::async_overflow_policy::overrun_oldest);
  s.logger->set_pattern("%v");
  s.logger->flush_on(spdlog::level::trace);
}

void stop() {
  sink().pool.reset();  // joins the writer after the queue is empty
  sink().logger.reset();
}

void debug(std::string_view event, Fields fields) { write(Level::debug, event, fields); }
void info(std::string_view event, Fields fields) { write(Level::info, event, fields); }
void warn(std::string_view event, Fields fields) { write(Level::warn, event, fields); }
void error(std::string_view event, Fields fields) { write(Level::error, event, fields); }

Observer set_observer(Observer observer) {
  return std::exchange(sink().observer, std::move(observer));
}

}  // namespace parley::log
