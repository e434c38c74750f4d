#include "tests/support/eventually.h"

#include <poll.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace parley::test {

unsigned slowness() {
  const char* text = std::getenv("PARLEY_TEST_SLOWNESS");
  unsigned times = 1;
  if (text != nullptr) std::from_chars(text, text + std::string_view(text).size(), times);
  return times;
}

bool eventually(Duration limit, const std::function<bool()>& condition) {
  const Instant deadline = monotonic_now() + limit * slowness();
  while (!condition()) {
    if (monotonic_now() > deadline) return condition();
    poll(nullptr, 0, 3);
  }
  return true;
}

}  // namespace parley::test
