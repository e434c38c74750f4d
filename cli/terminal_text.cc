#include "cli/terminal_text.h"

#include <cwchar>
#include <ctime>
#include <optional>

namespace parley {
namespace {

struct Character {
  char32_t code;
  std::size_t bytes;
};

std::size_t utf8_length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

// The first character; nothing: not UTF-8 (overlong, surrogate, truncated).
std::optional<Character> first_character(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t bytes = utf8_length(lead);
  if (bytes == 0 || bytes > text.size()) return std::nullopt;
  char32_t code = bytes == 1 ? lead : lead & (0x7FU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xC0U) != 0x80U) return std::nullopt;
    code = (code << 6) | (next & 0x3FU);
  }
  constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (code < least[bytes] || is_surrogate || code > 0x10FFFF) return std::nullopt;
  return Character{code, bytes};
}

bool is_control(char32_t code) { return code < 0x20 || (code >= 0x7F && code < 0xA0); }

// Marks that reorder what follows, or end a line where we count none.
bool is_treacherous(char32_t code) {
  return (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069) ||
         code == 0x200E || code == 0x200F || code == 0x061C || code == 0x2028 || code == 0x2029;
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
    const auto character = first_character(text);
    if (character && character->code == '\n') {
      end();
    } else {
      const int width = character ? wcwidth(static_cast<wchar_t>(character->code)) : 1;
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
    const auto character = first_character(text);
    const std::string_view bytes = text.substr(0, character ? character->bytes : 1);
    if (character && character->code == '\n') out += '\n' + std::string(indent, ' ');
    else if (character && character->code == '\t') out += ' ';
    else if (!character || is_control(character->code) || is_treacherous(character->code))
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
