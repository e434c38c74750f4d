// How a bar is measured: what is judged and what it is held against, in turn and in alternating
// order (ABBA), so that a machine that gets slower or faster meanwhile does it to both. The value
// is the median of the pairs' ratios. The control does the same with the baseline against itself:
// what it differs from 1 by is noise.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace parley::perf {

struct Pair {
  double measured = 0;
  double baseline = 0;
  double ratio() const { return measured / baseline; }
};

using Measure = std::function<Result<double>()>;

Result<std::vector<Pair>> measure_pairs(unsigned count, const Measure& measured,
                                        const Measure& baseline);
double median(std::vector<double> values);  // Requires: not empty.
double median_ratio(const std::vector<Pair>& pairs);

enum class Better { higher, lower };

struct Bar {
  std::string_view name;
  double target;
  Better better;
  double stretch;
  std::string_view unit;  // of both sides of a pair

  bool met_by(double value) const {
    return better == Better::higher ? value >= target : value <= target;
  }
};

// {"bar":…,"value":…,"target":…,"ok":…,"pairs":[…],"control":…,"machine":{…}}; `details`: a JSON
// object that is added as it is, "" for none.
std::string bar_json(const Bar& bar, const std::vector<Pair>& pairs,
                     const std::vector<Pair>& control, const std::string& details);

}  // namespace parley::perf
