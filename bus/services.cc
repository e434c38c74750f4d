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
constexpr double smoothing = 0.2;  // of ten measurements a second; the first ones count alike
constexpr Duration believed_after = 500ms;  // a commit that takes long is not an outage

}  // namespace

bool Service::is_served() const {
  return std::ranges::any_of(workers, [](const Peer* peer) { return !peer->worker->draining; });
}

void Service::measure(Duration elapsed) {
  const auto answers = static_cast<double>(answered - std::exchange(measured_, answered));
  if (waiting == 0) return rate_.reset();
  if (!rate_) {  // Since when something waits is not known.
    rate_.emplace();
    return;
  }
  if (elapsed <= Duration::zero()) return;
  rate_->measured_for += elapsed;
  using Seconds = std::chrono::duration<double>;
  const double share = Seconds(elapsed) / Seconds(rate_->measured_for);
  const double now = answers / Seconds(elapsed).count();
  rate_->answers_per_second += (now - rate_->answers_per_second) * std::max(smoothing, share);
}

std::uint32_t Service::retry_hint_ms(std::uint32_t least) const {
  if (!rate_ || rate_->measured_for < believed_after) return least;
  const double wait_ms =
      1'000 * static_cast<double>(waiting) / std::max(rate_->answers_per_second, 1.0);
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
