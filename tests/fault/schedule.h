// Which fault comes next, drawn from a seed. Pure: the same kinds and the same seed give the same
// schedule for ever.
//
// Kinds come in rounds: in each, every kind as often as its weight says, in an order drawn anew. Some
// steps break two things at once, but never two that take away the same part: of what there are several
// of, one stays whole, unless the kind itself takes all.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"

namespace parley::test {

enum class Part : std::uint8_t { broker, worker, gateway, database, cache, client };

// What the schedule has to know of a kind of fault.
struct FaultShape {
  std::string name;         // "worker-kill"
  std::vector<Part> takes;  // what is not, or not fully, there while it lasts
  unsigned targets = 1;     // it hits one of so many
  unsigned weight = 1;      // so often in a round
};

struct Strike {
  std::size_t kind = 0;  // index of the shape
  unsigned target = 0;
  bool operator==(const Strike&) const = default;
};

struct Step {
  Strike first;
  // Begins while the first lasts, after this part of its time.
  std::optional<Strike> second = {};
  double second_after = 0;
  bool operator==(const Step&) const = default;
};

class Schedule {
 public:
  // Requires: at least one shape; weights and targets are positive.
  Schedule(std::vector<FaultShape> shapes, std::uint64_t seed);

  Step next();
  // Strikes that are left of the present round.
  std::size_t left_in_round() const { return bag_.size(); }

 private:
  void fill_bag();
  Strike draw(std::size_t place);
  std::optional<std::size_t> place_of_partner(const FaultShape& first) const;

  const std::vector<FaultShape> shapes_;
  Random random_;
  std::vector<std::size_t> bag_;  // kinds that are still to come in this round, the next one last
};

// Whether both may last at one time.
bool go_together(const FaultShape& a, const FaultShape& b);

}  // namespace parley::test
