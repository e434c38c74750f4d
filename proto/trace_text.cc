#include "proto/trace_text.h"

#include <charconv>

namespace parley {
namespace {
constexpr std::size_t digits = 16;
}  // namespace

std::string trace_text(std::uint64_t trace) {
  char text[digits];
  const auto end = std::to_chars(text, text + digits, trace, 16).ptr;
  const std::string significant(text, end);
  return std::string(digits - significant.size(), '0') + significant;
}

std::optional<std::uint64_t> parse_trace(std::string_view text) {
  std::uint64_t trace = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), trace, 16);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || text.size() > digits || trace == 0) return std::nullopt;
  return trace;
}

}  // namespace parley
