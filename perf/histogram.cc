#include "perf/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace parley::perf {

// Below 2^sub_bits every value has its own bucket; above, each power of two has 2^sub_bits of them.
std::size_t LatencyHistogram::bucket_of(std::uint64_t ns) {
  ns = std::min(ns, (std::uint64_t{1} << value_bits) - 1);
  const auto width = static_cast<unsigned>(std::bit_width(ns));
  if (width <= sub_bits) return ns;
  const unsigned shift = width - sub_bits - 1;
  return (static_cast<std::size_t>(shift) << sub_bits) + (ns >> shift);
}

std::uint64_t LatencyHistogram::top_of(std::size_t bucket) {
  if (bucket < (2U << sub_bits)) return bucket;
  const std::size_t shift = (bucket >> sub_bits) - 1;
  const std::uint64_t base = (bucket & ((1U << sub_bits) - 1)) + (1U << sub_bits);
  return ((base + 1) << shift) - 1;
}

void LatencyHistogram::record(Duration latency) {
  const Duration positive = std::max(latency, Duration::zero());
  ++counts_[bucket_of(static_cast<std::uint64_t>(positive.count()))];
  ++count_;
  max_ = std::max(max_, positive);
}

void LatencyHistogram::add(const LatencyHistogram& other) {
  for (std::size_t i = 0; i < buckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

Duration LatencyHistogram::at(double share) const {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets; ++i) {
    seen += counts_[i];
    if (seen > 0 && seen >= wanted)
      return std::min(max_, Duration(static_cast<std::int64_t>(top_of(i))));
  }
  return max_;
}

LatencyHistogram::Sparse LatencyHistogram::sparse() const {
  Sparse result;
  for (std::size_t i = 0; i < buckets; ++i)
    if (counts_[i] > 0) result.emplace_back(static_cast<std::uint32_t>(i), counts_[i]);
  return result;
}

LatencyHistogram LatencyHistogram::from(const Sparse& sparse, Duration max) {
  LatencyHistogram result;
  for (const auto& [bucket, count] : sparse) {
    result.counts_.at(bucket) = count;
    result.count_ += count;
  }
  result.max_ = max;
  return result;
}

}  // namespace parley::perf
