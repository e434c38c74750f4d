#include "base/error.h"

namespace parley {

std::string_view name_of(Errc code) {
  switch (code) {
#define PARLEY_ERROR(name, number, retryable, text) \
  case Errc::name:                                  \
    return #name;
#include "base/error.def"
#undef PARLEY_ERROR
  }
  return "unknown";
}

std::string_view text_of(Errc code) {
  switch (code) {
#define PARLEY_ERROR(name, number, retryable, text) \
  case Errc::name:                                  \
    return text;
#include "base/error.def"
#undef PARLEY_ERROR
  }
  return "unknown error";
}

bool is_retryable(Errc code) {
  switch (code) {
#define PARLEY_ERROR(name, number, retryable, text) \
  case Errc::name:                                  \
    return retryable;
#include "base/error.def"
#undef PARLEY_ERROR
  }
  return false;
}

std::optional<Errc> errc_from(std::uint16_t number) {
  const auto code = static_cast<Errc>(number);
  if (name_of(code) == "unknown") return std::nullopt;
  return code;
}

}  // namespace parley
