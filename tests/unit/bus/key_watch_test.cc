#include "bus/key_watch.h"

#include <gmock/gmock.h>

#include "bus/curve.h"

namespace parley::test {
namespace {

using Outcome = KeyWatch::Outcome;
using Settling = KeyWatch::Settling;

const std::string one = make_curve_key_pair().public_key;
const std::string two = make_curve_key_pair().public_key;
const std::string first = "worker w " + one + "\n";
const std::string second = first + "worker w " + two + "\n";

struct Watch : testing::Test {
  Outcome look(Result<std::string> found) { return watch.look(std::move(found), Settling::needed); }
  std::size_t keys() const { return watch.list().entries().size(); }
  KeyWatch watch{*KeyList::parse(first, "allowed"), first, "allowed"};
};

TEST_F(Watch, AChangeCountsWhenItIsSeenTwice) {
  EXPECT_EQ(look(first), Outcome::nothing);
  EXPECT_EQ(look(second), Outcome::nothing);
  EXPECT_EQ(keys(), 1u);
  EXPECT_EQ(look(second), Outcome::changed);
  EXPECT_EQ(keys(), 2u);
  EXPECT_EQ(look(second), Outcome::nothing);
}

// An editor empties the file before it writes it: nobody must be thrown out for that.
TEST_F(Watch, AFileThatIsBeingWrittenChangesNothing) {
  EXPECT_EQ(look(std::string()), Outcome::nothing);
  EXPECT_EQ(look(second.substr(0, 20)), Outcome::nothing);
  EXPECT_EQ(look(first), Outcome::nothing);
  EXPECT_EQ(look(first), Outcome::nothing);
  EXPECT_EQ(keys(), 1u);
}

TEST_F(Watch, WhoSaysThatItIsCompleteIsBelieved) {
  EXPECT_EQ(watch.look(second, Settling::skipped), Outcome::changed);
  EXPECT_EQ(keys(), 2u);
}

TEST_F(Watch, ABrokenListIsReportedOnceAndTheFormerStays) {
  look("nonsense");
  EXPECT_EQ(look("nonsense"), Outcome::broken);
  EXPECT_THAT(watch.error(), testing::HasSubstr("allowed:1"));
  EXPECT_EQ(look("nonsense"), Outcome::nothing);
  EXPECT_EQ(keys(), 1u);
  look("other nonsense");
  EXPECT_EQ(look("other nonsense"), Outcome::broken);
  look(second);
  EXPECT_EQ(look(second), Outcome::changed);
  EXPECT_EQ(keys(), 2u);
}

TEST_F(Watch, AFileThatIsGoneIsReportedOnceAndTheListStays) {
  const auto gone = [] { return fail(Errc::config, "allowed: cannot be opened"); };
  look(gone());
  EXPECT_EQ(look(gone()), Outcome::broken);
  EXPECT_EQ(watch.error(), "allowed: cannot be opened");
  EXPECT_EQ(look(gone()), Outcome::nothing);
  EXPECT_EQ(keys(), 1u);
  look(second);
  EXPECT_EQ(look(second), Outcome::changed) << "it is back";
}

TEST_F(Watch, WhatIsBackAsItWasIsAChangeAfterABrokenOneAndHarmless) {
  look("nonsense");
  EXPECT_EQ(look("nonsense"), Outcome::broken);
  look(first);
  EXPECT_EQ(look(first), Outcome::changed);
  EXPECT_EQ(keys(), 1u);
}

}  // namespace
}  // namespace parley::test
