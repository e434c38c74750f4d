#include "gateway/user_rates.h"

#include <algorithm>

namespace parley {
namespace {

constexpr std::size_t users_max = 100'000;

Duration take_from(KeyedBuckets& buckets, UserId user, Instant now) {
  if (buckets.take(user.value, now)) return Duration::zero();
  return std::max(buckets.wait(user.value, now), Duration(1ms));
}

}  // namespace

UserRates::UserRates(Rate messages, Rate finds)
    : messages_(messages, users_max), finds_(finds, users_max) {}

Duration UserRates::take(Verb verb, UserId user, Instant now) {
  switch (verb) {
    case Verb::c2c_send: return take_from(messages_, user, now);
    case Verb::login_find: return take_from(finds_, user, now);
    default: return Duration::zero();
  }
}

}  // namespace parley
