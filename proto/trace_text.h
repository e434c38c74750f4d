// A trace as people read and type it, the same in every log line and command: 16 hex digits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace parley {

std::string trace_text(std::uint64_t trace);
// Nothing: no 1 to 16 hex digits, or 0, which is no trace.
std::optional<std::uint64_t> parse_trace(std::string_view text);

}  // namespace parley
