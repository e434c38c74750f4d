// A test that provokes an error-level log line announces it; any other one fails its test.
#pragma once

#include <string>
#include <string_view>

namespace parley::test {

// While it lives, `event` may be logged as an error, from any thread. One at a time.
class AnnouncedError {
 public:
  explicit AnnouncedError(std::string event);
  ~AnnouncedError();
  AnnouncedError(const AnnouncedError&) = delete;
  AnnouncedError& operator=(const AnnouncedError&) = delete;
};

bool is_announced(std::string_view event);

}  // namespace parley::test
