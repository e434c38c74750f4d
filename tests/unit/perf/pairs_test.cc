#include "perf/bars/pairs.h"

#include <nlohmann/json.hpp>

namespace parley::perf {
namespace {

TEST(Pairs, AreMeasuredInAlternatingOrder) {
  std::string order;
  const auto a = [&]() -> Result<double> { return order += 'A', 2.0; };
  const auto b = [&]() -> Result<double> { return order += 'B', 1.0; };
  const auto pairs = measure_pairs(4, a, b);
  ASSERT_TRUE(pairs);
  EXPECT_EQ(order, "ABBAABBA");
  EXPECT_EQ(median_ratio(*pairs), 2);
}

TEST(Pairs, EndWithTheFirstFailure) {
  const auto fine = []() -> Result<double> { return 1.0; };
  const auto broken = []() -> Result<double> { return fail(Errc::io, "gone"); };
  const auto pairs = measure_pairs(4, fine, broken);
  ASSERT_FALSE(pairs);
  EXPECT_EQ(pairs.error().detail, "gone");
}

TEST(Median, IsTheMiddleOrTheMeanOfBoth) {
  EXPECT_EQ(median({5}), 5);
  EXPECT_EQ(median({9, 1, 5}), 5);
  EXPECT_EQ(median({9, 1, 5, 7}), 6);
}

TEST(Bar, IsMetOnItsOwnSide) {
  constexpr Bar up{"up", 0.3, Better::higher, 0.5, ""};
  constexpr Bar down{"down", 1.8, Better::lower, 1.5, ""};
  EXPECT_TRUE(up.met_by(0.3));
  EXPECT_FALSE(up.met_by(0.29));
  EXPECT_TRUE(down.met_by(1.8));
  EXPECT_FALSE(down.met_by(1.81));
}

TEST(Bar, PrintsOneLineOfJson) {
  constexpr Bar bar{"up", 0.3, Better::higher, 0.5, "messages/s"};
  const std::string line = bar_json(bar, {{2, 10}, {3, 10}, {4, 10}}, {{10, 10}}, R"({"why":1})");
  EXPECT_THAT(line, testing::Not(testing::HasSubstr("\n")));
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json.at("value"), 0.3);
  EXPECT_EQ(json.at("ok"), true);
  EXPECT_EQ(json.at("pairs").size(), 3U);
  EXPECT_EQ(json.at("control").at("value"), 1);
  EXPECT_EQ(json.at("details").at("why"), 1);
  EXPECT_TRUE(json.at("machine").contains("processors"));
}

}  // namespace
}  // namespace parley::perf
