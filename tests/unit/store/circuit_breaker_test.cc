#include "store/redis/circuit_breaker.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

class CircuitBreakerTest : public testing::Test {
 protected:
  void fail_times(std::size_t times, Duration apart) {
    for (std::size_t i = 0; i < times; ++i) {
      now_ += apart;
      breaker_.failed(now_);
    }
  }
  Instant now_{1h};
  CircuitBreaker breaker_;
};

TEST_F(CircuitBreakerTest, FiveFailuresWithinTwoSecondsOpenIt) {
  fail_times(4, 500ms);
  EXPECT_TRUE(breaker_.may_call(now_));
  EXPECT_TRUE(breaker_.failed(now_ + 500ms)) << "the fifth says that it opened";
  EXPECT_TRUE(breaker_.is_open());
  EXPECT_FALSE(breaker_.may_call(now_ + 500ms));
}

TEST_F(CircuitBreakerTest, SlowerFailuresDoNotOpenIt) {
  fail_times(50, 501ms);
  EXPECT_FALSE(breaker_.is_open());
  EXPECT_TRUE(breaker_.may_call(now_));
}

TEST_F(CircuitBreakerTest, ASuccessForgetsFailures) {
  fail_times(4, 1ms);
  EXPECT_FALSE(breaker_.succeeded()) << "it was not open";
  fail_times(4, 1ms);
  EXPECT_FALSE(breaker_.is_open());
}

TEST_F(CircuitBreakerTest, WhileOpenOneProbeIsMadeEachHalfSecond) {
  fail_times(5, 1ms);
  EXPECT_FALSE(breaker_.may_call(now_ + 499ms));
  EXPECT_TRUE(breaker_.may_call(now_ + 500ms));
  EXPECT_FALSE(breaker_.may_call(now_ + 500ms));
  EXPECT_FALSE(breaker_.failed(now_ + 700ms)) << "it was open already";
  EXPECT_FALSE(breaker_.may_call(now_ + 999ms));
  EXPECT_TRUE(breaker_.may_call(now_ + 1'000ms));
}

TEST_F(CircuitBreakerTest, AProbeThatSucceedsClosesIt) {
  fail_times(5, 1ms);
  ASSERT_TRUE(breaker_.may_call(now_ + 500ms));
  EXPECT_TRUE(breaker_.succeeded());
  EXPECT_TRUE(breaker_.may_call(now_ + 500ms));
  EXPECT_TRUE(breaker_.may_call(now_ + 500ms));
}

}  // namespace
}  // namespace parley
