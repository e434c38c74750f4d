// Bytes as people write them in vectors and golden files.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace parley::test {

// Requires: an even number of hexadecimal digits.
std::string unhex(std::string_view digits);
std::string hex(std::string_view bytes);

template <std::size_t n>
std::array<std::uint8_t, n> array_of(std::string_view digits) {
  const std::string bytes = unhex(digits);
  std::array<std::uint8_t, n> array{};
  std::copy_n(bytes.begin(), std::min(n, bytes.size()), array.begin());
  return array;
}

template <std::size_t n>
std::string hex(const std::array<std::uint8_t, n>& bytes) {
  return hex(std::string_view(reinterpret_cast<const char*>(bytes.data()), n));
}

}  // namespace parley::test
