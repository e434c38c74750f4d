#include "tests/support/fault_pipe.h"

#include <gtest/gtest.h>

namespace parley::test {
namespace {

constexpr Instant start{1h};

class FaultPipeTest : public testing::Test {
 protected:
  FaultPipe& make(const Conditions& conditions, std::uint64_t seed = 1) {
    return pipe_.emplace(conditions, seed);
  }
  void push(std::string_view bytes) { pipe_->push(bytes, now_); }
  // What comes out at this time, at most so many writes of it.
  std::string out(std::size_t writes = 1'000'000) {
    std::string all;
    for (; writes > 0; --writes) {
      const std::string bytes(pipe_->ready(now_));
      if (bytes.empty()) break;
      pipe_->written(bytes.size(), now_);
      all += bytes;
    }
    return all;
  }
  void pass(Duration time) { now_ += time; }
  Instant now() const { return now_; }

 private:
  std::optional<FaultPipe> pipe_;
  Instant now_ = start;
};

TEST_F(FaultPipeTest, WithoutConditionsBytesComeAtOnceAndInOrder) {
  FaultPipe& pipe = make({});
  push("one ");
  push("two");
  EXPECT_EQ(pipe.size(), 7u);
  EXPECT_EQ(out(), "one two");
  EXPECT_EQ(pipe.size(), 0u);
  EXPECT_EQ(pipe.wakes_at(now()), std::nullopt);
}

TEST_F(FaultPipeTest, ShortWriteGoesOnWhereItStopped) {
  FaultPipe& pipe = make({});
  push("abcdef");
  pipe.written(2, now());
  EXPECT_EQ(out(), "cdef");
}

TEST_F(FaultPipeTest, DelayedBytesAndTheEndComeWhenTheyAreDueAndNotBefore) {
  FaultPipe& pipe = make({.delay = 200ms});
  push("late");
  pipe.end(now());
  EXPECT_EQ(pipe.wakes_at(now()), start + 200ms);
  pass(199ms);
  EXPECT_EQ(out(), "");
  EXPECT_FALSE(pipe.is_over(now()));
  pass(1ms);
  EXPECT_EQ(out(), "late");
  EXPECT_TRUE(pipe.is_over(now()));
}

TEST_F(FaultPipeTest, EndAloneIsDelayedToo) {
  FaultPipe& pipe = make({.delay = 200ms});
  pipe.end(now());
  EXPECT_FALSE(pipe.is_over(now()));
  EXPECT_EQ(pipe.wakes_at(now()), start + 200ms);
  pass(200ms);
  EXPECT_TRUE(pipe.is_over(now()));
}

TEST_F(FaultPipeTest, JitterKeepsOrderAndTheSeedRepeatsIt) {
  const auto arrivals = [this](std::uint64_t seed) {
    make({.delay = 10ms, .jitter = 100ms}, seed);
    std::string expected;
    std::string all;
    std::vector<std::size_t> sizes;
    for (char c = 'a'; c <= 'z'; ++c) {
      push(std::string(1, c));
      expected += c;
      pass(5ms);
      const std::string bytes = out();
      all += bytes;
      sizes.push_back(bytes.size());
    }
    pass(110ms);
    all += out();
    EXPECT_EQ(all, expected);
    return sizes;
  };
  EXPECT_EQ(arrivals(7), arrivals(7));
  EXPECT_NE(arrivals(7), arrivals(8));
}

TEST_F(FaultPipeTest, RateIsKeptOverASecond) {
  make({.bytes_per_second = 1'000});
  push(std::string(5'000, 'x'));
  std::size_t sent = 0;
  for (int ms = 0; ms < 1'000; ++ms) {
    sent += out().size();
    pass(1ms);
  }
  EXPECT_GE(sent, 980u);
  EXPECT_LE(sent, 1'030u);
}

TEST_F(FaultPipeTest, SliceBoundsEachWrite) {
  make({.slice = 1});
  push("abc");
  EXPECT_EQ(out(1), "a");
  EXPECT_EQ(out(1), "b");
  EXPECT_EQ(out(), "c");
}

TEST_F(FaultPipeTest, HeldPipeTakesWhatItCanHoldAndLosesNothing) {
  FaultPipe& pipe = make({.flow = Flow::held});
  push(std::string(FaultPipe::bytes_max - 1, 'x'));
  EXPECT_EQ(pipe.room(), 1u);
  push("y");
  EXPECT_EQ(pipe.room(), 0u);
  pipe.end(now());
  EXPECT_EQ(out(), "");
  EXPECT_FALSE(pipe.is_over(now()));
  EXPECT_EQ(pipe.wakes_at(now()), std::nullopt);
  pipe.set({}, now());
  const std::string all = out();
  EXPECT_EQ(all.size(), FaultPipe::bytes_max);
  EXPECT_EQ(all.find('y'), FaultPipe::bytes_max - 1);
  EXPECT_TRUE(pipe.is_over(now()));
}

TEST_F(FaultPipeTest, UnreadPipeTakesNothingAndLetsGoWhatItHas) {
  FaultPipe& pipe = make({});
  push("before");
  pipe.set({.flow = Flow::unread}, now());
  EXPECT_EQ(pipe.room(), 0u);
  EXPECT_EQ(out(), "before");
}

TEST_F(FaultPipeTest, PipeHeldUntilATimeWakesThen) {
  FaultPipe& pipe = make({});
  pipe.hold_until(start + 30ms);
  push("x");
  EXPECT_EQ(out(), "");
  EXPECT_EQ(pipe.wakes_at(now()), start + 30ms);
  pass(30ms);
  EXPECT_EQ(out(), "x");
}

TEST_F(FaultPipeTest, BetterConditionsHastenWhatIsOnItsWay) {
  FaultPipe& pipe = make({.delay = 1h});
  push("x");
  pipe.end(now());
  pipe.set({.delay = 5ms}, now());
  EXPECT_EQ(pipe.wakes_at(now()), start + 5ms);
  pass(5ms);
  EXPECT_EQ(out(), "x");
  EXPECT_TRUE(pipe.is_over(now()));
}

TEST_F(FaultPipeTest, CutComesAfterWhatTheWireLetPassAndTakesTheRestAway) {
  FaultPipe& pipe = make({.delay = 10ms});
  pipe.set_wire(cut_after_bytes(3), now());
  push("abcdef");
  EXPECT_TRUE(pipe.is_tripped());
  EXPECT_EQ(pipe.room(), 0u);
  EXPECT_FALSE(pipe.is_cut(now()));
  pass(10ms);
  EXPECT_EQ(out(), "abc");
  EXPECT_TRUE(pipe.is_cut(now()));
  EXPECT_EQ(pipe.size(), 3u) << "these are lost";
}

TEST_F(FaultPipeTest, WireThatIsTakenAwayLetsGoWhatItKept) {
  FaultPipe& pipe = make({});
  pipe.set_wire(cut_at_pattern("needle", Keep::before_match), now());
  push("need");
  EXPECT_EQ(out(), "");
  pipe.set_wire(nullptr, now());
  EXPECT_EQ(out(), "need");
}

TEST_F(FaultPipeTest, TimeAndTheEndLetGoWhatAWireKept) {
  FaultPipe& pipe = make({});
  pipe.set_wire(cut_at_pattern("needle", Keep::before_match), now());
  push("need");
  EXPECT_EQ(pipe.wakes_at(now()), start + 50ms);
  pass(50ms);
  pipe.turn(now());
  EXPECT_EQ(out(), "need");
  push("ne");
  pipe.end(now());
  EXPECT_EQ(out(), "ne");
  EXPECT_TRUE(pipe.is_over(now()));
}

}  // namespace
}  // namespace parley::test
