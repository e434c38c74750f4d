// Rates in virtual time: in no span of time is more let through than the burst and what the rate gives in it; who
// waits as long as he is told gets his turn; and others' keys cost nobody memory. Input: the rate, then steps: how
// much time passes, and who asks.
#include <algorithm>
#include <deque>
#include <map>

#include "base/keyed_buckets.h"
#include "gateway/rate_guard.h"
#include "tests/fuzz/fuzz.h"

namespace parley {
namespace {

constexpr std::size_t steps_max = 2'000;
constexpr Instant beginning{std::chrono::hours(1)};

// What was let through, checked against the promise.
class Meter {
 public:
  explicit Meter(Rate rate) : rate_(rate) {}

  void passed(Instant now) {
    passed_.push_back(now);
    // Every span that ends now. In a span of length t there may be burst + rate × t.
    for (std::size_t count = 1; count <= passed_.size(); ++count) {
      const Duration span = now - passed_[passed_.size() - count];
      const auto earned = static_cast<std::size_t>(span / rate_.interval());
      PARLEY_ASSERT(count <= rate_.burst + earned);
    }
    if (passed_.size() > 200) passed_.pop_front();
  }

 private:
  const Rate rate_;
  std::deque<Instant> passed_;
};

Rate rate_of(fuzz::Input& input) {
  return {.count = 1U + input.number<std::uint8_t>(),
          .burst = 1U + input.number<std::uint8_t>() % 64,
          .period = std::chrono::milliseconds(1 + input.number<std::uint16_t>())};
}

// Mostly around one token's time, where errors of one are.
void pass(fuzz::Input& input, const Rate& rate, Instant& now) {
  const auto step = input.number<std::uint8_t>();
  if (step < 200) now += rate.interval() * (step % 50) / 16;
  else now += rate.refill() * (step - 199) / 8;
}

void try_bucket(fuzz::Input input) {
  const Rate rate = rate_of(input);
  TokenBucket bucket;
  Meter meter(rate);
  Instant now = beginning;
  for (std::size_t step = 0; step < steps_max && !input.empty(); ++step) {
    pass(input, rate, now);
    const Duration wait = bucket.wait(rate, now);
    PARLEY_ASSERT(wait >= Duration::zero() && wait <= rate.interval());
    const bool taken = bucket.take(rate, now);
    PARLEY_ASSERT(taken == (wait == Duration::zero()));
    if (taken) meter.passed(now);
    else PARLEY_ASSERT(TokenBucket(bucket).take(rate, now + wait));
    PARLEY_ASSERT(bucket.full(now + rate.refill()));
  }
}

// At most keys_max, and while nothing is forgotten, each key for itself as if it were alone.
void try_keys(fuzz::Input input) {
  const Rate rate = rate_of(input);
  const std::size_t keys_max = 1 + input.number<std::uint8_t>() % 40;
  const std::uint64_t keys = 1 + input.number<std::uint8_t>() % 80U;
  KeyedBuckets buckets(rate, keys_max);
  std::map<std::uint64_t, TokenBucket> alone;
  Instant now = beginning;
  for (std::size_t step = 0; step < steps_max && !input.empty(); ++step) {
    pass(input, rate, now);
    const std::uint64_t key = 1 + input.number<std::uint8_t>() % keys;
    const bool taken = buckets.take(key, now);
    PARLEY_ASSERT(buckets.size() <= keys_max);
    if (keys <= keys_max) PARLEY_ASSERT(taken == alone[key].take(rate, now));
    if (!taken) PARLEY_ASSERT(buckets.wait(key, now) > Duration::zero());
  }
}

// Whoever stays silent until a hint is over is never closed; whoever does not heed hints is, after the strikes.
void try_guard(fuzz::Input input) {
  RateRule rule{.rate = rate_of(input), .strikes_max = 1U + input.number<std::uint8_t>() % 4};
  const bool heeds = input.number<std::uint8_t>() % 2 == 0;
  RateGuard guard;
  Meter meter(rule.rate);
  Instant now = beginning;
  std::uint64_t late_frames = 0;  // that came after a hint must have been heard, within its time
  Instant told{}, until{};
  for (std::size_t step = 0; step < steps_max && !input.empty(); ++step) {
    pass(input, rule.rate, now);
    if (heeds && now < until) now = until;
    if (now < until && now - told >= rule.heard_after) ++late_frames;
    const auto verdict = guard.on_frame(rule, now);
    if (verdict == RateGuard::Verdict::pass) {
      PARLEY_ASSERT(now >= until);
      meter.passed(now);
      continue;
    }
    PARLEY_ASSERT(guard.hint(now) > Duration::zero());
    PARLEY_ASSERT(guard.hint(now) <= std::max(rule.hint_min, rule.rate.interval()));
    if (now >= until) told = now;
    until = now + guard.hint(now);
    if (verdict == RateGuard::Verdict::wait) continue;
    PARLEY_ASSERT(late_frames >= rule.strikes_max);
    return;
  }
}

}  // namespace
}  // namespace parley

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  parley::fuzz::Input input(data, size);
  switch (input.number<std::uint8_t>() % 3) {
    case 0: parley::try_bucket(input); break;
    case 1: parley::try_keys(input); break;
    default: parley::try_guard(input);
  }
  return 0;
}
