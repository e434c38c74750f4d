#include "cli/typed_lines.h"

#include <algorithm>
#include <utility>

namespace parley {
namespace {

bool is_message(std::string_view line) { return !is_command(line); }
bool names_a_peer(std::string_view line) { return line == "/to" || line.starts_with("/to "); }

}  // namespace

bool is_command(std::string_view line) { return line.starts_with('/') && !line.starts_with("//"); }

Status TypedLines::add(std::string line) {
  if (waiting_.size() >= waiting_max) return fail(Errc::retry_later, "too many lines are waiting");
  waiting_.push_back(std::move(line));
  return {};
}

void TypedLines::carry_out(const std::function<bool()>& is_busy,
                           const std::function<void(const std::string&)>& one) {
  while (!waiting_.empty() && !is_busy()) {
    const std::string line = std::move(waiting_.front());
    waiting_.pop_front();
    one(line);
  }
}

std::size_t TypedLines::drop_messages() {
  const auto end = std::ranges::find_if(waiting_, names_a_peer);
  const auto kept = std::remove_if(waiting_.begin(), end, is_message);
  const auto dropped = static_cast<std::size_t>(end - kept);
  waiting_.erase(kept, end);
  return dropped;
}

std::size_t TypedLines::messages() const {
  return static_cast<std::size_t>(std::ranges::count_if(waiting_, is_message));
}

}  // namespace parley
