#include "perf/histogram.h"

#include "base/random.h"

namespace parley::perf {
namespace {

TEST(LatencyHistogram, KnowsSmallValuesExactly) {
  LatencyHistogram histogram;
  for (int ns = 1; ns <= 100; ++ns) histogram.record(Duration(ns));
  EXPECT_EQ(histogram.at(0.5), Duration(50));
  EXPECT_EQ(histogram.at(0.99), Duration(99));
  EXPECT_EQ(histogram.at(1), Duration(100));
}

TEST(LatencyHistogram, IsWithinTwoPercentOfAnyValue) {
  Random random(7);
  for (int i = 0; i < 10'000; ++i) {
    const Duration value(static_cast<std::int64_t>(random.next() >> (24 + random.below(38))));
    LatencyHistogram histogram;
    histogram.record(value);
    histogram.record(Duration(1LL << 50));
    EXPECT_GE(histogram.at(0.5), value);
    EXPECT_LE(histogram.at(0.5).count(), value.count() + value.count() / 50 + 1);
  }
}

TEST(LatencyHistogram, OrdersPercentiles) {
  Random random(7);
  LatencyHistogram histogram;
  for (int i = 0; i < 10'000; ++i)
    histogram.record(Duration(static_cast<std::int64_t>(random.below(1'000'000))));
  Duration before{};
  for (double share = 0; share <= 1; share += 0.01) {
    EXPECT_GE(histogram.at(share), before);
    before = histogram.at(share);
  }
  EXPECT_NEAR(static_cast<double>(histogram.at(0.5).count()), 500'000, 25'000);
}

TEST(LatencyHistogram, CountsWhatIsTooLongOrNegativeAtItsEnds) {
  LatencyHistogram histogram;
  histogram.record(Duration(-5));
  histogram.record(10'000s);
  EXPECT_EQ(histogram.count(), 2U);
  EXPECT_EQ(histogram.at(0.5), Duration(0));
  EXPECT_EQ(histogram.max(), Duration(10'000s));
}

TEST(LatencyHistogram, SurvivesTheWayBetweenProcessesAndAddition) {
  LatencyHistogram a;
  LatencyHistogram b;
  for (int i = 1; i <= 1'000; ++i) (i % 2 ? a : b).record(Duration(i * 1'000));
  LatencyHistogram sum = LatencyHistogram::from(a.sparse(), a.max());
  sum.add(b);
  EXPECT_EQ(sum.count(), 1'000U);
  EXPECT_EQ(sum.max(), Duration(1'000'000));
  EXPECT_NEAR(static_cast<double>(sum.at(0.5).count()), 500'000, 10'000);
}

TEST(LatencyHistogram, OfNothingSaysZero) {
  EXPECT_EQ(LatencyHistogram().at(0.99), Duration::zero());
}

}  // namespace
}  // namespace parley::perf
