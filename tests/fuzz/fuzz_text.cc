// Text that people choose: UTF-8 is exactly what RFC 3629 says, a name that is accepted can be seen and stored, and
// folding it is idempotent and changes nothing but the case of letters.
#include <algorithm>
#include <vector>

#include "base/utf8.h"
#include "proto/limits.h"
#include "store/names.h"
#include "tests/fuzz/fuzz.h"
#include "workers/account_rules.h"

namespace parley {
namespace {

// RFC 3629's grammar (§4), table and all: lead bytes, and the bounds of the byte that follows.
struct Form {
  unsigned char lead_min, lead_max, next_min, next_max;
  std::size_t bytes;
};
constexpr Form forms[] = {
    {0x00, 0x7F, 0, 0, 1},       {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
    {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
    {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};

// How long the first code point is; 0: there is none.
std::size_t first_by_grammar(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto* form = std::ranges::find_if(
      forms, [&](const Form& f) { return byte(0) >= f.lead_min && byte(0) <= f.lead_max; });
  if (form == std::end(forms) || text.size() < form->bytes) return 0;
  if (form->bytes > 1 && (byte(1) < form->next_min || byte(1) > form->next_max)) return 0;
  for (std::size_t i = 2; i < form->bytes; ++i)
    if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
  return form->bytes;
}

std::string encoded(char32_t c) {
  const auto tail = [&](unsigned shift) { return static_cast<char>(0x80 | (c >> shift & 0x3F)); };
  if (c < 0x80) return {static_cast<char>(c)};
  if (c < 0x800) return {static_cast<char>(0xC0 | c >> 6), tail(0)};
  if (c < 0x10000) return {static_cast<char>(0xE0 | c >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | c >> 18), tail(12), tail(6), tail(0)};
}

// The code points; nothing if it is not UTF-8.
std::optional<std::vector<char32_t>> try_utf8(std::string_view text) {
  std::vector<char32_t> points;
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto point = first_code_point(rest);
    const std::size_t bytes = first_by_grammar(rest);
    PARLEY_ASSERT(point.has_value() == (bytes != 0));
    if (!point) break;
    PARLEY_ASSERT(point->bytes == bytes && encoded(point->value) == rest.substr(0, bytes));
    points.push_back(point->value);
    rest.remove_prefix(bytes);
  }
  PARLEY_ASSERT(is_utf8(text) == rest.empty());
  PARLEY_ASSERT(!is_storable_text(text) || (is_utf8(text) && std::ranges::count(text, '\0') == 0));
  return rest.empty() ? std::optional(points) : std::nullopt;
}

void try_folding(std::string_view name) {
  const std::string folded = folded_name(name);
  PARLEY_ASSERT(folded.size() == name.size() && folded_name(folded) == folded);
  for (std::size_t i = 0; i < name.size(); ++i)
    PARLEY_ASSERT(folded[i] == name[i] || (name[i] >= 'A' && name[i] <= 'Z' &&
                                           folded[i] == (name[i] | 0x20)));
}

void try_name(std::string_view name, const std::optional<std::vector<char32_t>>& points) {
  const std::string folded = folded_name(name);
  const bool accepted = check_name(name).has_value();
  // Two spellings of one name are both names, or neither.
  PARLEY_ASSERT(check_name(folded).has_value() == accepted);
  PARLEY_ASSERT(check_new_name(folded).has_value() == check_new_name(name).has_value());
  PARLEY_ASSERT(accepted || !check_new_name(name));
  if (!accepted) return;
  PARLEY_ASSERT(points && is_storable_text(name) && name.size() <= limits::user_name_max);
  PARLEY_ASSERT(check_nickname(name).has_value());
  const auto unseen = [](char32_t c) {
    return c < 0x20 || (c >= 0x7F && c <= 0x9F) || (c >= 0x200B && c <= 0x200F) ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
  };
  PARLEY_ASSERT(std::ranges::none_of(*points, unseen));
  PARLEY_ASSERT(!name.starts_with(' ') && !name.ends_with(' '));
  PARLEY_ASSERT(!check_new_name(name) || !folded.starts_with(service_name_prefix));
}

void try_password(std::string_view password, std::string_view name) {
  if (!check_password(password, name)) return;
  PARLEY_ASSERT(password.size() >= 8 && password.size() <= 1'024 && password != name);
  PARLEY_ASSERT(check_password(folded_name(password), folded_name(name)).has_value());
}

}  // namespace
}  // namespace parley

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = parley::fuzz::view(data, size);
  const auto points = parley::try_utf8(text);
  parley::try_folding(text);
  parley::try_name(text, points);
  const std::size_t middle = text.find('\n');
  parley::try_password(text.substr(0, middle), text.substr(std::min(text.size(), middle)));
  return 0;
}
