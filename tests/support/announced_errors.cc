#include "tests/support/announced_errors.h"

#include <mutex>

namespace parley::test {
namespace {

std::mutex guard;
std::string announced;

}  // namespace

AnnouncedError::AnnouncedError(std::string event) {
  const std::lock_guard lock(guard);
  announced = std::move(event);
}

AnnouncedError::~AnnouncedError() {
  const std::lock_guard lock(guard);
  announced.clear();
}

bool is_announced(std::string_view event) {
  const std::lock_guard lock(guard);
  return !announced.empty() && event == announced;
}

}  // namespace parley::test
