// A broken invariant of our own aborts, in release too: a wrong answer is worse than a restart.
// Malformed input is never an invariant; it is a returned Error.
#pragma once

namespace parley {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);
}  // namespace parley

#define PARLEY_ASSERT(expression)                                  \
  do {                                                             \
    if (!(expression)) [[unlikely]]                                \
      ::parley::assertion_failed(#expression, __FILE__, __LINE__); \
  } while (false)
