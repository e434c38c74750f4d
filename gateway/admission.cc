#include "gateway/admission.h"

namespace parley {
namespace {

constexpr std::size_t rated_origins_max = 100'000;

bool reached(std::uint64_t count, std::uint64_t max) { return max != 0 && count >= max; }

// Unknown networks (0) share one entry.
std::uint64_t key_of(std::uint64_t origin) { return origin == 0 ? ~0ULL : origin; }

}  // namespace

std::string_view name_of(Refusal refusal) {
  switch (refusal) {
    case Refusal::connections:
      return "connections";
    case Refusal::pre_auth:
      return "pre_auth";
    case Refusal::origin_connections:
      return "origin_connections";
    case Refusal::origin_pre_auth:
      return "origin_pre_auth";
    case Refusal::origin_rate:
      return "origin_rate";
  }
  return "unknown";
}

Admission::Admission(const AdmissionLimits& limits)
    : limits_(limits), rates_(limits.per_origin_rate, rated_origins_max) {}

std::optional<Refusal> Admission::refusal(std::uint64_t origin, Instant now) {
  if (reached(connections_, limits_.connections_max)) return Refusal::connections;
  if (const PerOrigin* known = origins_.find(key_of(origin))) {
    if (reached(known->connections, limits_.per_origin_max)) return Refusal::origin_connections;
    if (reached(known->pre_auth, limits_.per_origin_pre_auth_max)) return Refusal::origin_pre_auth;
  }
  if (!rates_.take(key_of(origin), now)) return Refusal::origin_rate;
  if (pre_auth_full()) return Refusal::pre_auth;
  return std::nullopt;
}

bool Admission::pre_auth_full() const {
  return reached(pre_auth_, limits_.pre_auth_max) ||
         reached(pre_auth_bytes_, limits_.pre_auth_bytes_max);
}

std::optional<Refusal> Admission::admit(std::uint64_t origin, Instant now) {
  if (const auto refused = refusal(origin, now)) return refused;
  admit_after_all(origin);
  return std::nullopt;
}

void Admission::admit_after_all(std::uint64_t origin) {
  PARLEY_ASSERT(!pre_auth_full());
  PerOrigin& entry = origins_[key_of(origin)];
  ++entry.connections;
  ++entry.pre_auth;
  ++connections_;
  ++pre_auth_;
}

void Admission::authenticated(std::uint64_t origin) {
  PerOrigin* entry = origins_.find(key_of(origin));
  PARLEY_ASSERT(entry != nullptr && entry->pre_auth > 0 && pre_auth_ > 0);
  --entry->pre_auth;
  --pre_auth_;
}

void Admission::closed_before_login(std::uint64_t origin) {
  authenticated(origin);
  closed_after_login(origin);
}

void Admission::closed_after_login(std::uint64_t origin) {
  PerOrigin* entry = origins_.find(key_of(origin));
  PARLEY_ASSERT(entry != nullptr && entry->connections > entry->pre_auth && connections_ > 0);
  if (--entry->connections == 0) origins_.erase(key_of(origin));
  --connections_;
}

void Admission::pre_auth_bytes_changed(std::size_t before, std::size_t after) {
  PARLEY_ASSERT(pre_auth_bytes_ >= before);
  pre_auth_bytes_ = pre_auth_bytes_ - before + after;
}

}  // namespace parley
