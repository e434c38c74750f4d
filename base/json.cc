#include "base/json.h"

#include <cstdio>

#include "base/utf8.h"

namespace parley {
namespace {

void append_escaped(char32_t point, std::string& out) {
  char buffer[8];
  std::snprintf(buffer, sizeof buffer, "\\u%04x", static_cast<unsigned>(point));
  out += buffer;
}

}  // namespace

void append_json_string(std::string_view text, std::string& out) {
  out += '"';
  while (!text.empty()) {
    const auto point = first_code_point(text);
    if (!point) {
      append_escaped(0xFFFD, out);
      text.remove_prefix(1);
      continue;
    }
    if (point->value == '"' || point->value == '\\')
      (out += '\\') += static_cast<char>(point->value);
    else if (is_control(point->value) || is_bidi_control(point->value))
      append_escaped(point->value, out);
    else
      out.append(text.substr(0, point->bytes));
    text.remove_prefix(point->bytes);
  }
  out += '"';
}

}  // namespace parley
