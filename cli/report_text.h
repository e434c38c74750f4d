// How the operator's reports write numbers and names. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/bus.pb.h"

namespace parley {

std::string_view role_name(wire::PeerRole role);
std::string duration_text(std::uint64_t ms);  // "3 min 12 s"
std::string bytes_text(std::uint64_t bytes);  // "12 KiB"
std::string rate_text(double per_second);     // "0.4", "1200"
// "14:05:03.123456", local time.
std::string clock_us_text(std::int64_t us_since_1970);
// "1 worker", "2 workers".
std::string counted(std::uint64_t count, std::string_view singular);

}  // namespace parley
