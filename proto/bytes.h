// Little-endian integers in byte strings: the one place where numbers become bytes. All bytes in
// Parley are `std::string` / `std::string_view` (as in protobuf): owned, or looked at.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace parley {

static_assert(std::endian::native == std::endian::little, "the wire is little-endian, as we are");

// Requires: offset + sizeof(T) <= bytes.size().
template <std::unsigned_integral T>
T load(std::string_view bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// Requires: `at` has sizeof(T) bytes.
template <std::unsigned_integral T>
void store_at(char* at, T value) {
  std::memcpy(at, &value, sizeof value);
}

template <std::unsigned_integral T>
void append(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace parley
