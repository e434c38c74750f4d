#include "store/pg/failure.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

TEST(PgFailure, AFullDiskIsItsOwnError) {
  EXPECT_EQ(errc_from_sqlstate("53100"), Errc::storage_full);
}

TEST(PgFailure, TheServersStateIsRetryLater) {
  for (const char* state :
       {"", "08006", "40001", "40P01", "53200", "53300", "55P03", "57014", "57P01", "57P02",
        "57P03", "58030", "25006", "25P03", "28000", "3D000"}) {
    EXPECT_EQ(errc_from_sqlstate(state), Errc::retry_later) << state;
  }
}

TEST(PgFailure, WhatWillFailAgainIsInternal) {
  for (const char* state : {"22021", "22P02", "23505", "23514", "42501", "42P01", "54000", "P0001",
                            "XX000", "XX001", "0A000"}) {
    EXPECT_EQ(errc_from_sqlstate(state), Errc::internal) << state;
  }
}

TEST(PgFailure, TheEndOfTheSessionIsRetryLaterWhateverItsReason) {
  for (const char* state : {"XX000", "XX001", "42501", "22023", "0A000", "53100", "57P01", ""}) {
    EXPECT_EQ(pg_failure(state, "", "FATAL").error.code, Errc::retry_later) << state;
    EXPECT_EQ(pg_failure(state, "", "PANIC").error.code, Errc::retry_later) << state;
  }
  EXPECT_EQ(pg_failure("XX000", "", "ERROR").error.code, Errc::internal);
  EXPECT_EQ(pg_failure("53100", "", "ERROR").error.code, Errc::storage_full);
}

TEST(PgFailure, OnlyWhatTheServerHasUndoneIsTriedAgainUnasked) {
  for (const char* state : {"40001", "40P01", "57P01"}) {
    EXPECT_TRUE(pg_failure(state, "").is_worth_one_retry()) << state;
  }
  for (const char* state : {"", "08006", "57P02", "53100", "23505"}) {
    EXPECT_FALSE(pg_failure(state, "").is_worth_one_retry()) << state;
  }
}

TEST(PgFailure, AFaultOfTheStatementIsNoRows) {
  EXPECT_TRUE(pg_failure("42P01", "").is_about_the_statement());
  EXPECT_FALSE(pg_failure("23514", "").is_about_the_statement());
}

TEST(PgFailure, TheDetailIsOneLine) {
  EXPECT_EQ(pg_failure("57014", "canceled\n\n").error.detail, "postgres 57014: canceled");
}

}  // namespace
}  // namespace parley
