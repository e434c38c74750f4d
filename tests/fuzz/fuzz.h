// What each fuzz target is made of: a function that takes any bytes and aborts when a property is broken.
// Linked with libFuzzer in the preset `fuzz`, and with replay_main.cc, which gives it the corpus, in the
// others.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "proto/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace parley::fuzz {

inline std::string_view view(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Takes an input apart; past its end everything is zero or empty.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(view(data, size)) {}

  bool empty() const { return rest_.empty(); }
  template <std::unsigned_integral T>
  T number() {
    T value{};
    const std::string_view bytes = take(sizeof value);
    std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }
  std::string_view take(std::size_t size) {
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(bytes.size());
    return bytes;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

}  // namespace parley::fuzz
