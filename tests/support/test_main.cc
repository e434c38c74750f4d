// The main of every GoogleTest program. An error-level log line fails the test that was running,
// unless it announced it (tests/support/announced_errors.h).
#include <gmock/gmock.h>

#include "base/log.h"
#include "tests/support/announced_errors.h"

namespace parley::test {
namespace {

void fail_on_error(log::Level level, std::string_view event) {
  if (level == log::Level::error && !is_announced(event))
    ADD_FAILURE() << "error-level log line: " << event;
}

}  // namespace
}  // namespace parley::test

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  parley::log::set_observer(parley::test::fail_on_error);
  return RUN_ALL_TESTS();
}
