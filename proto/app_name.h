// Services of business systems: "app.payroll". Anybody may make one up; on the wire it is the hash of its name.
#pragma once

#include <cstdint>
#include <string_view>

#include "proto/envelope.h"

namespace parley {

inline constexpr std::string_view app_prefix = "app.";
inline constexpr std::size_t app_name_max = bus_name_max;  // the prefix included

// A name of the bus that goes on after the prefix.
inline bool is_app_name(std::string_view name) {
  return is_bus_name(name) && name.starts_with(app_prefix) && name.size() > app_prefix.size();
}

// What a request for it has as its target.
inline std::uint64_t app_target(std::string_view name) { return instance_id(name).value; }

}  // namespace parley
