// The benches run and account for everything; whether a bar is met is not for a test to say, on a
// machine that does other things.
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "tests/support/program.h"

namespace parley::test {
namespace {

using Json = nlohmann::json;

std::vector<Json> bars_of(const std::string& output) {
  std::vector<Json> bars;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);)
    bars.push_back(Json::parse(line, nullptr, /*allow_exceptions=*/false));
  return bars;
}

void expect_bars(const std::vector<std::string>& arguments, const std::set<std::string>& expected) {
  RunningProgram bench(arguments);
  const Exit end = bench.wait(100s);
  std::set<std::string> seen;
  bool all_met = true;
  for (const Json& bar : bars_of(bench.output())) {
    ASSERT_TRUE(bar.is_object()) << bench.output();
    seen.insert(bar.at("bar").get<std::string>());
    EXPECT_GE(bar.at("value").get<double>(), 0) << bar;
    EXPECT_FALSE(bar.at("pairs").empty()) << bar;
    for (const Json& pair : bar.at("pairs")) EXPECT_GT(pair.at("baseline").get<double>(), 0) << bar;
    all_met = all_met && bar.at("ok").get<bool>();
  }
  EXPECT_EQ(seen, expected) << bench.output();
  EXPECT_EQ(end.code, all_met ? 0 : 1) << bench.output();
}

TEST(BrokerBench, AnswersEveryRequestOfEveryBar) {
  expect_bars({"parley-bench", "broker", "--json", "--pairs", "1", "--controls", "1", "--seconds",
               "0.2"},
              {"broker.ipc", "broker.ipc_256", "broker.tcp", "broker.tcp_256", "broker.tcp_curve",
               "broker.batched.ipc", "broker.batched.idle_latency", "broker.idle_cpu"});
}

TEST(OverloadBench, FindsEveryAcknowledgedMessage) {
  expect_bars({"parley-bench", "overload", "--json", "--pairs", "1", "--controls", "1", "--seconds",
               "0.3", "--only", "overload.goodput"},
              {"overload.goodput"});
}

}  // namespace
}  // namespace parley::test
