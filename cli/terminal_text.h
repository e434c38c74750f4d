// What a terminal chat shows, as text. Pure; widths follow the process' locale (setlocale first).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace parley {

// Whether the terminal understands colours and more than ASCII.
struct Style {
  bool has_colour = false;
  bool has_utf8 = false;
};

// How far an own message has come.
enum class Tick : std::uint8_t { queued, sent, delivered, read, failed };

// Text from elsewhere, made harmless: control characters (a terminal would obey them), bytes that are not UTF-8
// and marks that reorder text are shown as \x1b and the like; a tab becomes a blank. Lines after the first are
// indented by `indent`.
std::string printable(std::string_view text, std::size_t indent = 0);

// Two columns, whatever the tick.
std::string tick_text(Tick tick, const Style& style);
// "14:05" in local time; on another day than `now_ms` with the date before it: "2024-02-29 14:05".
std::string clock_text(std::int64_t time_ms, std::int64_t now_ms);

std::string bold(std::string_view text, const Style& style);
std::string dim(std::string_view text, const Style& style);

// The columns that `text` takes in one line; escape sequences of ours take none.
std::size_t columns_of(std::string_view text);
// The rows that `text` takes on a terminal of that width; at least 1.
std::size_t rows_of(std::string_view text, std::size_t columns);

}  // namespace parley
