// `Result<T>` is a value or an `Error`. We never throw: exceptions of libraries stop in the file
// that includes the library's header.
#pragma once

#include <tl/expected.hpp>
#include <utility>

#include "base/error.h"

namespace parley {

template <typename T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

inline tl::unexpected<Error> fail(Errc code, std::string detail = {},
                                  std::uint32_t retry_after_ms = 0) {
  return tl::unexpected<Error>(Error{code, std::move(detail), retry_after_ms});
}

}  // namespace parley

// Returns the error of `expr` to the caller, if it has one; otherwise goes on.
#define PARLEY_CHECK(expr)                                                      \
  do {                                                                          \
    if (auto parley_status = (expr); !parley_status)                            \
      return tl::unexpected<::parley::Error>(std::move(parley_status).error()); \
  } while (false)

#define PARLEY_CONCAT_INNER(a, b) a##b
#define PARLEY_CONCAT(a, b) PARLEY_CONCAT_INNER(a, b)
// PARLEY_TRY(auto value, expr): `value` is what `expr` holds; its error is returned to the caller.
#define PARLEY_TRY(declaration, expr)                                \
  auto PARLEY_CONCAT(parley_result_, __LINE__) = (expr);             \
  if (!PARLEY_CONCAT(parley_result_, __LINE__))                      \
    return tl::unexpected<::parley::Error>(                          \
        std::move(PARLEY_CONCAT(parley_result_, __LINE__)).error()); \
  declaration = *std::move(PARLEY_CONCAT(parley_result_, __LINE__))
