#include "base/result.h"

namespace parley {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return fail(Errc::bad_request, "odd");
  return n / 2;
}

Result<int> quarter(int n) {
  PARLEY_TRY(const int once, half(n));
  PARLEY_TRY(const int twice, half(once));
  return twice;
}

Status is_quarterable(int n) {
  PARLEY_CHECK(quarter(n));
  return {};
}

TEST(Result, TryHandsTheErrorToTheCaller) {
  EXPECT_EQ(quarter(8), 2);
  ASSERT_FALSE(quarter(6));
  EXPECT_EQ(quarter(6).error().code, Errc::bad_request);
  EXPECT_TRUE(is_quarterable(4));
  EXPECT_FALSE(is_quarterable(2));
}

}  // namespace
}  // namespace parley
