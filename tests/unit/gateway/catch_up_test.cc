#include "gateway/catch_up.h"

#include <gtest/gtest.h>

namespace parley::test {
namespace {

using namespace std::chrono_literals;

struct CatchUpTest : testing::Test {
  CatchUp catch_up;
  Instant now{1h};
};

TEST_F(CatchUpTest, IsToldOnceTheRoutesAreReported) {
  EXPECT_FALSE(catch_up.take(true, 10, now)) << "nothing was missed";
  catch_up.pushes_may_be_missing();
  EXPECT_FALSE(catch_up.take(false, 10, now)) << "what is committed now would be missed again";
  EXPECT_EQ(catch_up.take(true, 10, now), Duration(2s));
  EXPECT_FALSE(catch_up.take(true, 10, now + 1h)) << "once";
}

TEST_F(CatchUpTest, IsNothingForThoseWhoComeLater) {
  catch_up.pushes_may_be_missing();
  EXPECT_FALSE(catch_up.take(true, 0, now));
  EXPECT_FALSE(catch_up.take(true, 10, now)) << "they have just asked for their lists";
}

TEST_F(CatchUpTest, IsNotToldAgainBeforeEverybodyHasLooked) {
  catch_up.pushes_may_be_missing();
  ASSERT_TRUE(catch_up.take(true, 10, now));
  catch_up.pushes_may_be_missing();
  EXPECT_FALSE(catch_up.take(true, 10, now + 1999ms));
  EXPECT_TRUE(catch_up.take(true, 10, now + 2s));
}

TEST_F(CatchUpTest, SpreadsManyClientsWithinBounds) {
  catch_up.pushes_may_be_missing();
  EXPECT_EQ(catch_up.take(true, 20'000, now), Duration(20s));
  catch_up.pushes_may_be_missing();
  EXPECT_EQ(catch_up.take(true, 1'000'000, now + 1h), Duration(60s));
}

}  // namespace
}  // namespace parley::test
