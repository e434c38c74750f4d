// UTF-8, strictly as RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace parley {

struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 0;  // how many it took
};

// The first code point; nothing if the text does not begin with a valid one (or is empty).
std::optional<CodePoint> first_code_point(std::string_view text);

bool is_utf8(std::string_view text);

// C0, DEL and C1 control characters.
constexpr bool is_control(char32_t c) { return c < 0x20 || (c >= 0x7F && c < 0xA0); }
// Characters that reorder what surrounds them when shown (U+202A…202E, U+2066…2069, U+200E/F).
constexpr bool is_bidi_control(char32_t c) {
  return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0x200E || c == 0x200F;
}

}  // namespace parley
