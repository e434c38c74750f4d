// Who may connect at all: counts of connections, in total and per network, and what connections that have
// not logged in may hold together. Everything here is decided before a byte is read. Pure.
// Bounds: one entry per network that has a connection, one bucket per network that came lately.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/id_map.h"
#include "base/keyed_buckets.h"

namespace parley {

struct AdmissionLimits {  // 0: no limit
  std::uint64_t connections_max = 1'000'000;
  std::uint64_t pre_auth_max = 5'000;
  std::uint64_t pre_auth_bytes_max = 64ULL << 20;
  std::uint64_t per_origin_max = 200;
  std::uint64_t per_origin_pre_auth_max = 20;
  Rate per_origin_rate{20, 40};
};

enum class Refusal { connections, pre_auth, origin_connections, origin_pre_auth, origin_rate };
inline constexpr std::size_t refusals = 5;
std::string_view name_of(Refusal refusal);

class Admission {
 public:
  explicit Admission(const AdmissionLimits& limits);

  // A connection came. Nothing: it is admitted and counts as one before login, until closed(). Refused as `pre_auth`
  // alone, it may be admitted all the same: when others were closed until pre_auth_full() is no more.
  std::optional<Refusal> admit(std::uint64_t origin, Instant now);
  void admit_after_all(std::uint64_t origin);
  bool pre_auth_full() const;
  // An admitted connection logged in. Requires: it has not before.
  void authenticated(std::uint64_t origin);
  // An admitted connection is gone.
  void closed_before_login(std::uint64_t origin);
  void closed_after_login(std::uint64_t origin);
  // What one connection before login holds has changed.
  void pre_auth_bytes_changed(std::size_t before, std::size_t after);

  std::uint64_t connections() const { return connections_; }
  std::uint64_t pre_auth() const { return pre_auth_; }
  std::uint64_t pre_auth_bytes() const { return pre_auth_bytes_; }

 private:
  struct PerOrigin {
    std::uint32_t connections = 0;
    std::uint32_t pre_auth = 0;
  };
  std::optional<Refusal> refusal(std::uint64_t origin, Instant now);

  AdmissionLimits limits_;
  std::uint64_t connections_ = 0;
  std::uint64_t pre_auth_ = 0;
  std::uint64_t pre_auth_bytes_ = 0;
  IdMap<PerOrigin> origins_;
  KeyedBuckets rates_;
};

}  // namespace parley
