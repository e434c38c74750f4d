#include "cli/report_text.h"

#include <fmt/format.h>

#include <ctime>

namespace parley {

std::string_view role_name(wire::PeerRole role) {
  switch (role) {
    case wire::PEER_ROLE_GATEWAY: return "gateway";
    case wire::PEER_ROLE_WORKER: return "worker";
    case wire::PEER_ROLE_BUSINESS: return "business";
    case wire::PEER_ROLE_ADMIN: return "admin";
    default: return "?";
  }
}

std::string duration_text(std::uint64_t ms) {
  const std::uint64_t s = ms / 1000;
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {} s", s / 60, s % 60);
  return fmt::format("{} h {} min", s / 3600, s / 60 % 60);
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 10'000) return fmt::format("{} B", bytes);
  if (bytes < 10'000'000) return fmt::format("{} KiB", bytes >> 10);
  return fmt::format("{} MiB", bytes >> 20);
}

std::string rate_text(double per_second) {
  return fmt::format("{:.{}f}", per_second, per_second < 10 ? 1 : 0);
}

std::string clock_us_text(std::int64_t us_since_1970) {
  const std::time_t seconds = us_since_1970 / 1'000'000;
  std::tm local{};
  localtime_r(&seconds, &local);
  return fmt::format("{:02}:{:02}:{:02}.{:06}", local.tm_hour, local.tm_min, local.tm_sec,
                     us_since_1970 % 1'000'000);
}

std::string counted(std::uint64_t count, std::string_view singular) {
  return fmt::format("{} {}{}", count, singular, count == 1 ? "" : "s");
}

}  // namespace parley
