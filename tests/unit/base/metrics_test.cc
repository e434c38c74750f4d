#include "base/metrics.h"

namespace parley {
namespace {

TEST(Metrics, ShowsWhatWasCounted) {
  Metrics metrics;
  metrics.counter("parley_requests_total", "requests", {{"verb", "c2c.send"}}).add(3);
  metrics.gauge("parley_connections", "open now").set(7);
  metrics.histogram("parley_batch_size", "entries", {1, 10}).observe(4);
  const std::string text = metrics.text();
  EXPECT_THAT(text, testing::HasSubstr("parley_requests_total{verb=\"c2c.send\"} 3"));
  EXPECT_THAT(text, testing::HasSubstr("parley_connections 7"));
  EXPECT_THAT(text, testing::HasSubstr("parley_batch_size_bucket{le=\"10\"} 1"));
}

TEST(Metrics, WhatIsRemovedIsNoLongerShownAndBeginsAnew) {
  Metrics metrics;
  const Counter gone = metrics.counter("parley_requests_total", "requests", {{"app", "a"}});
  metrics.counter("parley_requests_total", "requests", {{"app", "b"}}).add(4);
  const Gauge closed = metrics.gauge("parley_connections", "open now", {{"app", "a"}});
  gone.add(3);
  metrics.remove(gone);
  metrics.remove(closed);
  EXPECT_THAT(metrics.text(), testing::Not(testing::HasSubstr("app=\"a\"")));
  EXPECT_THAT(metrics.text(), testing::HasSubstr("parley_requests_total{app=\"b\"} 4"));
  metrics.counter("parley_requests_total", "requests", {{"app", "a"}}).add(1);
  EXPECT_THAT(metrics.text(), testing::HasSubstr("parley_requests_total{app=\"a\"} 1"));
}

TEST(Metrics, AnAddressThatCannotBeBoundIsAnError) {
  Metrics metrics;
  const auto exposed = metrics.expose("256.0.0.1:1");
  ASSERT_FALSE(exposed);
  EXPECT_EQ(exposed.error().code, Errc::io);
}

}  // namespace
}  // namespace parley
