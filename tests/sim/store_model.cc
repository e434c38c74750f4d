#include "tests/sim/store_model.h"

#include <utility>

namespace parley::sim {

StoreModel::Fate StoreModel::draw_fate() {
  if (healed_) return Fate::commits;
  if (universe_.chance(options_.abort_per_thousand)) return Fate::aborts;
  return universe_.chance(options_.in_doubt_per_thousand) ? Fate::commits_in_doubt : Fate::commits;
}

void StoreModel::begin(std::function<void(Fate)> at_commit) {
  const std::uint64_t number = ++last_number_;
  begun_.emplace(number, RoundTrip{draw_fate(), std::move(at_commit)});
  Duration takes = universe_.random.between(options_.store_min, options_.store_max);
  if (slowness_ > Duration::zero()) takes += universe_.random.between(0ms, slowness_);
  universe_.timeline.at(universe_.now() + takes, [this, number] { finish(number); });
}

void StoreModel::finish(std::uint64_t number) {
  auto round_trip = begun_.extract(number);
  if (!round_trip.empty()) round_trip.mapped().at_commit(round_trip.mapped().fate);
}

void StoreModel::heal() {
  healed_ = true;
  slowness_ = {};
  for (const auto& [number, round_trip] : begun_) {
    universe_.timeline.at(universe_.now() + universe_.random.between(0ms, 50ms),
                          [this, number = number] { finish(number); });
  }
}

}  // namespace parley::sim
