// Durations, counted in buckets that are at most 1.6 % wide (as HdrHistogram): 20 KiB whatever is
// recorded, and two of them can be added. Up to about 1,100 s; longer ones count as that.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace parley::perf {

class LatencyHistogram {
 public:
  void record(Duration latency);
  void add(const LatencyHistogram& other);

  std::uint64_t count() const { return count_; }
  // The smallest value that at least this share (0 … 1) of all does not exceed; 0 if there is none.
  Duration at(double share) const;
  Duration max() const { return max_; }

  // For the way from one process to another: bucket and count of those that are not empty.
  using Sparse = std::vector<std::pair<std::uint32_t, std::uint64_t>>;
  Sparse sparse() const;
  static LatencyHistogram from(const Sparse& buckets, Duration max);

 private:
  static constexpr unsigned sub_bits = 6;
  static constexpr unsigned value_bits = 40;
  static constexpr std::size_t buckets = (value_bits - sub_bits + 1) << sub_bits;
  static std::size_t bucket_of(std::uint64_t ns);
  static std::uint64_t top_of(std::size_t bucket);

  std::array<std::uint64_t, buckets> counts_{};
  std::uint64_t count_ = 0;
  Duration max_{};
};

}  // namespace parley::perf
