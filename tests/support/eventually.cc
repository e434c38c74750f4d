#include "tests/support/eventually.h"

#include <poll.h>

namespace parley::test {

bool eventually(Duration limit, const std::function<bool()>& condition) {
  const Instant deadline = monotonic_now() + limit;
  while (!condition()) {
    if (monotonic_now() > deadline) return condition();
    poll(nullptr, 0, 3);
  }
  return true;
}

}  // namespace parley::test
