#include "cli/terminal_text.h"

#include <cwchar>
#include <ctime>

#include "base/utf8.h"

namespace parley {
namespace {

// Marks that reorder what follows, or end a line where we count none.
bool is_treacherous(char32_t code) {
  return is_bidi_control(code) || code == 0x061C || code == 0x2028 || code == 0x2029;
}

void append_escaped(std::string_view bytes, std::string& out) {
  constexpr char digits[] = "0123456789abcdef";
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    out += "\\x";
    out += digits[value >> 4];
    out += digits[value & 15];
  }
}

// The length of an escape sequence at the beginning: ESC [ … letter, as we write them; 0: none.
std::size_t escape_length(std::string_view text) {
  if (!text.starts_with("\x1b[")) return 0;
  for (std::size_t i = 2; i < text.size(); ++i) {
    if (text[i] >= '@' && text[i] <= '~') return i + 1;
  }
  return 0;
}

std::string wrapped(const char* code, std::string_view text, const Style& style) {
  if (!style.has_colour) return std::string(text);
  return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}

// Calls `see(columns)` for each character's width, and `end()` for each line break.
template <typename See, typename End>
void measure(std::string_view text, See see, End end) {
  while (!text.empty()) {
    if (const std::size_t escape = escape_length(text); escape > 0) {
      text.remove_prefix(escape);
      continue;
    }
    const auto character = first_code_point(text);
    if (character && character->value == '\n') {
      end();
    } else {
      const int width = character ? wcwidth(static_cast<wchar_t>(character->value)) : 1;
      see(static_cast<std::size_t>(width < 0 ? 1 : width));
    }
    text.remove_prefix(character ? character->bytes : 1);
  }
}

}  // namespace

std::string printable(std::string_view text, std::size_t indent) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto character = first_code_point(text);
    const std::string_view bytes = text.substr(0, character ? character->bytes : 1);
    if (character && character->value == '\n') out += '\n' + std::string(indent, ' ');
    else if (character && character->value == '\t') out += ' ';
    else if (!character || is_control(character->value) || is_treacherous(character->value))
      append_escaped(bytes, out);
    else out += bytes;
    text.remove_prefix(bytes.size());
  }
  return out;
}

std::string tick_text(Tick tick, const Style& style) {
  switch (tick) {
    case Tick::queued:
      return style.has_utf8 ? "· " : ". ";
    case Tick::sent:
      return style.has_utf8 ? "✓ " : "+ ";
    case Tick::delivered:
      return style.has_utf8 ? "✓✓" : "++";
    case Tick::read:
      // Without colour "read" needs a look of its own.
      if (!style.has_colour) return style.has_utf8 ? "✔✔" : "**";
      return wrapped("1;36", style.has_utf8 ? "✓✓" : "**", style);
    case Tick::failed:
      break;
  }
  return wrapped("1;31", "! ", style);
}

std::string clock_text(std::int64_t time_ms, std::int64_t now_ms) {
  const auto local = [](std::int64_t ms) {
    const std::time_t seconds = static_cast<std::time_t>(ms / 1000);
    std::tm parts{};
    localtime_r(&seconds, &parts);
    return parts;
  };
  const std::tm then = local(time_ms);
  const std::tm today = local(now_ms);
  const bool is_today = then.tm_year == today.tm_year && then.tm_yday == today.tm_yday;
  char text[32];
  const std::size_t length =
      std::strftime(text, sizeof text, is_today ? "%H:%M" : "%Y-%m-%d %H:%M", &then);
  return std::string(text, length);
}

std::string bold(std::string_view text, const Style& style) { return wrapped("1", text, style); }
std::string dim(std::string_view text, const Style& style) { return wrapped("2", text, style); }

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  measure(text, [&](std::size_t width) { columns += width; }, [] {});
  return columns;
}

std::size_t rows_of(std::string_view text, std::size_t columns) {
  std::size_t rows = 1;
  std::size_t column = 0;
  const auto see = [&](std::size_t width) {
    // A wide character that does not fit goes to the next row whole.
    if (column + width > columns) {
      ++rows;
      column = 0;
    }
    column += width;
  };
  measure(text, see, [&] {
    ++rows;
    column = 0;
  });
  return rows;
}

}  // namespace parley
