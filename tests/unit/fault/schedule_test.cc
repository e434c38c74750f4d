#include "tests/fault/schedule.h"

#include <map>

namespace parley::test {
namespace {

std::vector<FaultShape> shapes() {
  return {{.name = "broker-kill", .takes = {Part::broker}, .targets = 2, .weight = 3},
          {.name = "worker-kill", .takes = {Part::worker}, .targets = 3, .weight = 2},
          {.name = "workers-down", .takes = {Part::worker}},
          {.name = "link", .takes = {Part::broker, Part::gateway}, .targets = 4},
          {.name = "database", .takes = {Part::database}},
          {.name = "cache", .takes = {Part::cache}}};
}

std::vector<Step> steps(std::uint64_t seed, std::size_t count) {
  Schedule schedule(shapes(), seed);
  std::vector<Step> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back(schedule.next());
  return all;
}

std::vector<Strike> round_of(Schedule& schedule) {
  std::vector<Strike> strikes;
  do {
    const Step step = schedule.next();
    strikes.push_back(step.first);
    if (step.second) strikes.push_back(*step.second);
  } while (schedule.left_in_round() > 0);
  return strikes;
}

TEST(Schedule, IsTheSameForTheSameSeed) { EXPECT_EQ(steps(7, 500), steps(7, 500)); }

TEST(Schedule, IsAnotherForAnotherSeed) { EXPECT_NE(steps(7, 50), steps(8, 50)); }

TEST(Schedule, BringsEveryKindInEachRoundAsOftenAsItsWeightSays) {
  Schedule schedule(shapes(), 1);
  for (int round = 0; round < 50; ++round) {
    std::map<std::size_t, unsigned> times;
    for (const Strike& strike : round_of(schedule)) ++times[strike.kind];
    for (std::size_t kind = 0; kind < shapes().size(); ++kind)
      EXPECT_EQ(times[kind], shapes()[kind].weight) << shapes()[kind].name;
  }
}

TEST(Schedule, HitsEveryTargetAndNoneThatThereIsNot) {
  std::map<std::size_t, std::map<unsigned, unsigned>> hits;
  for (const Step& step : steps(3, 1'000)) ++hits[step.first.kind][step.first.target];
  for (std::size_t kind = 0; kind < shapes().size(); ++kind) {
    EXPECT_EQ(hits[kind].size(), shapes()[kind].targets) << shapes()[kind].name;
    EXPECT_LT(hits[kind].rbegin()->first, shapes()[kind].targets) << shapes()[kind].name;
  }
}

TEST(Schedule, NeverTakesAPartAwayTwiceAtOnce) {
  std::size_t doubles = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed)
    for (const Step& step : steps(seed, 100)) {
      if (!step.second) continue;
      ++doubles;
      EXPECT_TRUE(go_together(shapes()[step.first.kind], shapes()[step.second->kind]));
      EXPECT_GE(step.second_after, 0);
      EXPECT_LT(step.second_after, 1);
    }
  EXPECT_GT(doubles, 1'000u);
}

TEST(Schedule, OfOneKindIsThatKindAlone) {
  Schedule schedule({shapes()[0]}, 5);
  for (int i = 0; i < 20; ++i) {
    const Step step = schedule.next();
    EXPECT_EQ(step.first.kind, 0u);
    EXPECT_FALSE(step.second);
  }
}

TEST(Schedule, KnowsWhatGoesTogether) {
  const auto all = shapes();
  EXPECT_TRUE(go_together(all[0], all[1]));
  EXPECT_FALSE(go_together(all[1], all[2]));
  EXPECT_FALSE(go_together(all[0], all[3]));
}

// Written down once: a seed of an old report must still mean what it meant, unless kinds change.
TEST(Schedule, OfASeedDoesNotChange) {
  const std::vector<Step> all = steps(42, 8);
  std::string text;
  for (const Step& step : all)
    text += shapes()[step.first.kind].name + "/" + std::to_string(step.first.target) +
            (step.second ? "+" + shapes()[step.second->kind].name : "") + " ";
  EXPECT_EQ(text, "broker-kill/1 worker-kill/2 broker-kill/0 link/0 "
            "workers-down/0+broker-kill cache/0 worker-kill/0 database/0 ");
}

}  // namespace
}  // namespace parley::test
