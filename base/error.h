// What can go wrong, as values. `Errc` is for programs and the wire, `detail` is for the log only
// and never leaves the process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace parley {

enum class Errc : std::uint16_t {
#define PARLEY_ERROR(name, number, retryable, text) name = number,
#include "base/error.def"
#undef PARLEY_ERROR
};

struct Error {
  Errc code;
  std::string detail = {};
  // How long the peer should wait before it tries again; 0 = no hint. Only with retryable codes.
  std::uint32_t retry_after_ms = 0;
};

// The error's name as in error.def, for logs and metrics.
std::string_view name_of(Errc code);
// The sentence for people.
std::string_view text_of(Errc code);
bool is_retryable(Errc code);
// A number from the wire; nothing if this build does not know it.
std::optional<Errc> errc_from(std::uint16_t number);

}  // namespace parley
