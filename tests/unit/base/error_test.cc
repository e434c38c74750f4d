#include "base/error.h"

namespace parley {
namespace {

TEST(Error, EveryNumberOfTheTableIsFoundAndNoOther) {
  EXPECT_EQ(errc_from(21), Errc::conflict);
  EXPECT_EQ(name_of(Errc::conflict), "conflict");
  EXPECT_EQ(errc_from(0), std::nullopt);
  EXPECT_EQ(errc_from(6), std::nullopt);
  EXPECT_EQ(errc_from(65'535), std::nullopt);
}

TEST(Error, ADefiniteAnswerIsNotRetryable) {
  EXPECT_TRUE(is_retryable(Errc::retry_later));
  EXPECT_TRUE(is_retryable(Errc::going_away));
  EXPECT_FALSE(is_retryable(Errc::conflict));
  EXPECT_FALSE(is_retryable(Errc::internal));
}

}  // namespace
}  // namespace parley
