#include "workers/login_throttle.h"

#include <algorithm>

#include "store/names.h"

namespace parley {
namespace {

constexpr unsigned free_failures = 5;
constexpr Duration longest_wait = 900s;
constexpr Duration forgotten_after = 1h;
constexpr std::uint64_t failures_at_once = 10;
constexpr std::uint64_t ipv4_mark = 1ULL << 32;

// Origins are made by the gateway (envelope.h): 1<<32|a.b.c.d for IPv4; for IPv6 the /64, of which
// ::1 is 0.
bool is_this_host(std::uint64_t origin) {
  return origin == 0 || (origin >> 24) == ((ipv4_mark | 0x7F000000) >> 24);
}

// Whoever has one IPv4 address often has its neighbours, too.
std::uint64_t network_of(std::uint64_t origin) {
  return (origin >> 32) == 1 ? origin & ~std::uint64_t{0xFF} : origin;
}

std::string key_of(std::string_view name, std::uint64_t origin) {
  return folded_name(name) + '\0' + std::to_string(network_of(origin));
}

Duration wait_after(unsigned failures) {
  if (failures < free_failures) return Duration::zero();
  const unsigned doublings = std::min(failures - free_failures, 10U);
  return std::min<Duration>(std::chrono::seconds(1LL << doublings), longest_wait);
}

}  // namespace

OriginBudget::OriginBudget(std::uint64_t per_hour, std::uint64_t burst, std::size_t origins_max)
    : per_second_(static_cast<double>(per_hour) / 3600.0),
      burst_(static_cast<double>(burst)),
      buckets_(origins_max) {}

OriginBudget::Bucket& OriginBudget::bucket(std::uint64_t origin, Instant now) {
  const std::uint64_t network = network_of(origin);
  Bucket* found = buckets_.find(network);
  if (found == nullptr) return buckets_.put(network, {burst_, now});
  const double seconds = std::chrono::duration<double>(now - found->since).count();
  *found = {std::min(burst_, found->tokens + seconds * per_second_), now};
  return *found;
}

Duration OriginBudget::wait(std::uint64_t origin, Instant now) {
  if (per_second_ == 0 || is_this_host(origin)) return Duration::zero();
  const double missing = 1.0 - bucket(origin, now).tokens;
  if (missing <= 0) return Duration::zero();
  return std::chrono::ceil<std::chrono::milliseconds>(
      std::chrono::duration<double>(missing / per_second_));
}

void OriginBudget::spend(std::uint64_t origin, Instant now) {
  if (per_second_ == 0 || is_this_host(origin)) return;
  bucket(origin, now).tokens -= 1.0;
}

LoginThrottle::LoginThrottle(std::uint64_t failures_per_hour, std::size_t entries_max)
    : failures_(entries_max), budget_(failures_per_hour, failures_at_once, entries_max) {}

Duration LoginThrottle::wait(std::string_view name, std::uint64_t origin, Instant now) {
  const Failures* found = failures_.find(key_of(name, origin));
  const Duration own = found == nullptr ? Duration::zero() : found->not_before - now;
  return std::max({own, budget_.wait(origin, now), Duration::zero()});
}

void LoginThrottle::failed(std::string_view name, std::uint64_t origin, Instant now) {
  budget_.spend(origin, now);
  const std::string key = key_of(name, origin);
  Failures* found = failures_.find(key);
  if (found == nullptr || now - found->last > forgotten_after)
    found = &failures_.put(key, Failures{});
  ++found->count;
  found->last = now;
  found->not_before = now + wait_after(found->count);
}

void LoginThrottle::succeeded(std::string_view name, std::uint64_t origin) {
  failures_.erase(key_of(name, origin));
}

}  // namespace parley
