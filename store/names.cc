#include "store/names.h"

#include <cstdint>

namespace parley {
namespace {

struct Sequence {
  std::size_t bytes;  // 0: no character begins with that byte
  std::uint32_t first_bits;
  std::uint32_t smallest;  // below it: overlong
};

Sequence sequence_of(std::uint8_t lead) {
  if (lead < 0x80) return {1, lead, 1};  // NUL is smaller than any character that may be stored
  if (lead >= 0xC2 && lead < 0xE0) return {2, lead & 0x1FU, 0x80};
  if (lead >= 0xE0 && lead < 0xF0) return {3, lead & 0x0FU, 0x800};
  if (lead >= 0xF0 && lead < 0xF5) return {4, lead & 0x07U, 0x10000};
  return {0, 0, 0};
}

// How long the character at the start is; 0 if there is none.
std::size_t character_bytes(std::string_view text) {
  const auto [bytes, first_bits, smallest] = sequence_of(static_cast<std::uint8_t>(text[0]));
  if (bytes == 0 || text.size() < bytes) return 0;
  std::uint32_t code = first_bits;
  for (std::size_t i = 1; i < bytes; ++i) {
    const auto next = static_cast<std::uint8_t>(text[i]);
    if ((next & 0xC0U) != 0x80) return 0;
    code = code << 6 | (next & 0x3FU);
  }
  const bool surrogate = code >= 0xD800 && code < 0xE000;
  return code < smallest || surrogate || code > 0x10FFFF ? 0 : bytes;
}

}  // namespace

std::string folded_name(std::string_view name) {
  std::string folded(name);
  for (char& c : folded) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return folded;
}

bool is_storable_text(std::string_view text) {
  while (!text.empty()) {
    const std::size_t bytes = character_bytes(text);
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

}  // namespace parley
