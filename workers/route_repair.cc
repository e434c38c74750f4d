#include "workers/route_repair.h"

namespace parley {
namespace {
constexpr Duration ask_every = 1s;
constexpr Duration refilled_after = 3s;
}  // namespace

RouteRepair::Action RouteRepair::after(Lookup lookup, Instant now) {
  if (const auto* emptied = std::get_if<Emptied>(&lookup))
    return after_emptied(emptied->number, now);
  if (std::holds_alternative<Complete>(lookup)) return after_complete(now);
  // Asking now would make gateways send reports that nobody can store.
  state_ = Away{};
  return Action::nothing;
}

RouteRepair::Action RouteRepair::after_complete(Instant now) {
  const bool was_away = std::holds_alternative<Away>(state_);
  if (was_away && !may_ask(now)) return Action::nothing;
  state_ = Healthy{};
  return was_away ? ask(now) : Action::nothing;
}

RouteRepair::Action RouteRepair::after_emptied(std::uint64_t number, Instant now) {
  const auto* refilling = std::get_if<Refilling>(&state_);
  const bool is_known = refilling != nullptr && refilling->emptied == number;
  if (is_known && now - refilling->since >= refilled_after) {
    state_ = Healthy{};
    return Action::mark_refilled;
  }
  if (!may_ask(now)) return Action::nothing;
  if (!is_known) state_ = Refilling{number, now};
  return ask(now);
}

bool RouteRepair::may_ask(Instant now) const { return !asked_ || now - *asked_ >= ask_every; }

RouteRepair::Action RouteRepair::ask(Instant now) {
  asked_ = now;
  return Action::ask_gateways;
}

}  // namespace parley
