#include "tests/fault/schedule.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace parley::test {
namespace {

constexpr std::uint64_t one_in_so_many_is_double = 3;

}  // namespace

bool go_together(const FaultShape& a, const FaultShape& b) {
  return std::ranges::none_of(a.takes, [&](Part part) {
    return std::ranges::find(b.takes, part) != b.takes.end();
  });
}

Schedule::Schedule(std::vector<FaultShape> shapes, std::uint64_t seed)
    : shapes_(std::move(shapes)), random_(seed) {
  PARLEY_ASSERT(!shapes_.empty());
  for (const FaultShape& shape : shapes_) PARLEY_ASSERT(shape.weight > 0 && shape.targets > 0);
}

Step Schedule::next() {
  if (bag_.empty()) fill_bag();
  Step step{.first = draw(bag_.size() - 1)};
  const bool alone = random_.below(one_in_so_many_is_double) != 0;
  const auto partner = place_of_partner(shapes_[step.first.kind]);
  if (alone || !partner) return step;
  step.second = draw(*partner);
  step.second_after = static_cast<double>(random_.below(100)) / 100;
  return step;
}

// Fisher and Yates.
void Schedule::fill_bag() {
  for (std::size_t kind = 0; kind < shapes_.size(); ++kind)
    bag_.insert(bag_.end(), shapes_[kind].weight, kind);
  for (std::size_t i = bag_.size() - 1; i > 0; --i) std::swap(bag_[i], bag_[random_.below(i + 1)]);
}

Strike Schedule::draw(std::size_t place) {
  const std::size_t kind = bag_[place];
  bag_.erase(bag_.begin() + static_cast<std::ptrdiff_t>(place));
  return {.kind = kind, .target = static_cast<unsigned>(random_.below(shapes_[kind].targets))};
}

std::optional<std::size_t> Schedule::place_of_partner(const FaultShape& first) const {
  for (std::size_t place = bag_.size(); place-- > 0;)
    if (go_together(first, shapes_[bag_[place]])) return place;
  return std::nullopt;
}

}  // namespace parley::test
