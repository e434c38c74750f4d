// Structured log: an event and fields, one JSON object per line on stderr. Never bodies, keys or
// tokens. Any thread. Every value is escaped, so foreign bytes cannot forge a line. Writing never
// blocks the caller: lines go through a bounded queue to a writer thread; at its bound the oldest
// are dropped.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "base/error.h"
#include "base/ids.h"

namespace parley::log {

enum class Level { debug, info, warn, error };

struct Field {
  using Value = std::variant<std::int64_t, std::uint64_t, double, bool, std::string_view>;
  std::string_view name;
  Value value;

  Field(std::string_view n, std::string_view v) : name(n), value(v) {}
  Field(std::string_view n, const char* v) : name(n), value(std::string_view(v)) {}
  Field(std::string_view n, const std::string& v) : name(n), value(std::string_view(v)) {}
  Field(std::string_view n, Errc v) : name(n), value(name_of(v)) {}
  template <typename Tag>
  Field(std::string_view n, Id<Tag> v) : name(n), value(v.value) {}
  template <typename T>
  requires std::is_arithmetic_v<T> Field(std::string_view n, T v) : name(n), value(widen(v)) {}

 private:
  template <typename T>
  static Value widen(T v) {
    if constexpr (std::is_same_v<T, bool>)
      return v;
    else if constexpr (std::is_floating_point_v<T>)
      return static_cast<double>(v);
    else if constexpr (std::is_signed_v<T>)
      return static_cast<std::int64_t>(v);
    else
      return static_cast<std::uint64_t>(v);
  }
};
using Fields = std::initializer_list<Field>;

// Starts the writer; before it, and after stop, lines go to stderr directly. `process` is in each
// line.
void start(std::string_view process, Level level);
// Writes what is queued and ends the writer thread. Call before leaving main.
void stop();

// For people at development; off unless the level says so.
void debug(std::string_view event, Fields fields = {});
// What an operator wants to know afterwards.
void info(std::string_view event, Fields fields = {});
// Something is wrong that the process copes with: a refused login, a lost peer.
void warn(std::string_view event, Fields fields = {});
// Something is wrong that a person must look at. Fails a test that did not announce it.
void error(std::string_view event, Fields fields = {});

// Sees each line in the thread that logs it; for tests. Returns the observer that it replaces. Set
// it before other threads log.
using Observer = std::function<void(Level, std::string_view event)>;
Observer set_observer(Observer observer);

}  // namespace parley::log
