#include "bus/services.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "bus/peers.h"
#include "proto/app_name.h"
#include "proto/verbs.h"

namespace parley {
namespace {

constexpr double longest_hint_ms = 5'000;
constexpr double smoothing = 0.2;  // of ten measurements a second

bool is_app_verb(std::uint16_t verb) {
  return service_of(verb) == static_cast<std::uint8_t>(ServiceId::app);
}

}  // namespace

bool Service::is_served() const {
  return std::ranges::any_of(workers, [](const Peer* peer) { return !peer->worker->draining; });
}

void Service::measure(Duration elapsed) {
  const double seconds = std::chrono::duration<double>(elapsed).count();
  const std::uint64_t answers = answered - std::exchange(measured_, answered);
  const bool was_waiting = std::exchange(was_waiting_, waiting > 0);
  if (waiting == 0) return answers_per_second_.reset();
  if (!was_waiting || seconds <= 0) return;
  const double now = static_cast<double>(answers) / seconds;
  const double before = answers_per_second_.value_or(now);
  answers_per_second_ = before + (now - before) * smoothing;
}

std::uint32_t Service::retry_hint_ms(std::uint32_t least) const {
  if (!answers_per_second_) return least;
  const double wait_ms = 1'000 * static_cast<double>(waiting) / std::max(*answers_per_second_, 1.0);
  const double longest = std::max(longest_hint_ms, static_cast<double>(least));
  return static_cast<std::uint32_t>(std::clamp(wait_ms, static_cast<double>(least), longest));
}

Services::Services(std::size_t apps_max) : apps_max_(apps_max) {
  for (std::size_t number = 0; number < built_in_.size(); ++number) {
    const auto known = service_name(static_cast<std::uint8_t>(number));
    built_in_[number].key = number;
    built_in_[number].name = known ? std::string(*known) : std::to_string(number);
  }
}

Service* Services::of(std::uint16_t verb, std::uint64_t target) {
  if (!is_app_verb(verb)) return &built_in_[service_of(verb)];
  const auto found = apps_.find(target);
  return found == apps_.end() ? nullptr : found->second.get();
}

bool Services::has_room_for(const std::vector<std::string>& apps) const {
  const auto unknown = std::ranges::count_if(
      apps, [this](const std::string& name) { return !apps_.contains(app_target(name)); });
  return apps_.size() + static_cast<std::size_t>(unknown) <= apps_max_;
}

Service& Services::app(const std::string& name) {
  std::unique_ptr<Service>& entry = apps_[app_target(name)];
  if (!entry) {
    entry = std::make_unique<Service>();
    entry->key = app_target(name);
    entry->name = name;
    entry->is_app = true;
    PARLEY_ASSERT(apps_.size() <= apps_max_);
  }
  return *entry;
}

}  // namespace parley
