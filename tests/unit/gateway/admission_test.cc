#include "gateway/admission.h"

namespace parley::test {
namespace {

constexpr Instant start{5000s};

AdmissionLimits small_limits() {
  return {.connections_max = 8,
          .pre_auth_max = 6,
          .pre_auth_bytes_max = 1'000,
          .per_origin_max = 4,
          .per_origin_pre_auth_max = 3,
          .per_origin_rate = {}};
}

TEST(Admission, CountsEveryoneInAll) {
  Admission admission(small_limits());
  for (std::uint64_t origin = 1; origin <= 8; ++origin) {
    EXPECT_EQ(admission.admit(origin, start), std::nullopt);
    admission.authenticated(origin);
  }
  EXPECT_EQ(admission.admit(9, start), Refusal::connections);
  admission.closed_after_login(3);
  EXPECT_EQ(admission.admit(9, start), std::nullopt);
}

TEST(Admission, ThoseBeforeLoginAreFewer) {
  Admission admission(small_limits());
  for (std::uint64_t origin = 1; origin <= 6; ++origin) admission.admit(origin, start);
  EXPECT_EQ(admission.admit(9, start), Refusal::pre_auth);
  admission.authenticated(1);
  EXPECT_EQ(admission.admit(9, start), std::nullopt);
}

TEST(Admission, WhoIsAdmittedAfterAllCountsLikeOthers) {
  Admission admission(small_limits());
  for (std::uint64_t origin = 1; origin <= 6; ++origin) admission.admit(origin, start);
  EXPECT_EQ(admission.admit(9, start), Refusal::pre_auth);
  admission.closed_before_login(1);
  admission.admit_after_all(9);
  EXPECT_EQ(admission.pre_auth(), 6U);
  EXPECT_EQ(admission.admit(10, start), Refusal::pre_auth);
}

TEST(Admission, WhoIsOverALimitOfHisOwnIsToldThatAndNotThatAllPlacesAreTaken) {
  Admission admission(small_limits());
  for (int i = 0; i < 3; ++i) admission.admit(1, start);
  for (std::uint64_t origin = 2; origin <= 4; ++origin) admission.admit(origin, start);
  EXPECT_EQ(admission.admit(1, start), Refusal::origin_pre_auth);
  EXPECT_EQ(admission.admit(9, start), Refusal::pre_auth);
}

TEST(Admission, MemoryBeforeLoginIsBounded) {
  Admission admission(small_limits());
  EXPECT_EQ(admission.admit(1, start), std::nullopt);
  admission.pre_auth_bytes_changed(0, 1'000);
  EXPECT_EQ(admission.admit(2, start), Refusal::pre_auth);
  admission.pre_auth_bytes_changed(1'000, 10);
  EXPECT_EQ(admission.admit(2, start), std::nullopt);
}

TEST(Admission, OneAddressCannotTakeThePlacesOfOthers) {
  Admission admission(small_limits());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(admission.admit(1, start), std::nullopt);
  EXPECT_EQ(admission.admit(1, start), Refusal::origin_pre_auth);
  EXPECT_EQ(admission.admit(2, start), std::nullopt);
  admission.authenticated(1);
  EXPECT_EQ(admission.admit(1, start), std::nullopt);
  admission.authenticated(1);
  EXPECT_EQ(admission.admit(1, start), Refusal::origin_connections);
  admission.closed_before_login(1);
  EXPECT_EQ(admission.admit(1, start), std::nullopt);
}

TEST(Admission, OneAddressComesAtABoundedRate) {
  AdmissionLimits limits = small_limits();
  limits.per_origin_rate = {1, 2};
  Admission admission(limits);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(admission.admit(1, start), std::nullopt);
    admission.closed_before_login(1);
  }
  EXPECT_EQ(admission.admit(1, start), Refusal::origin_rate);
  EXPECT_EQ(admission.admit(1, start + 1s), std::nullopt);
}

}  // namespace
}  // namespace parley::test
