// Services of business systems: "app.payroll". Anybody may make one up; on the wire it is the hash of its name.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proto/envelope.h"

namespace parley {

inline constexpr std::string_view app_prefix = "app.";
inline constexpr std::size_t app_name_max = 64;  // bytes, the prefix included

// "app." and at least one of A-Z a-z 0-9 . _ - : names become words in logs and labels of metrics.
inline bool is_app_name(std::string_view name) {
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return name.starts_with(app_prefix) && name.size() > app_prefix.size() &&
         name.size() <= app_name_max && std::ranges::all_of(name, is_allowed);
}

// What a request for it has as its target.
inline std::uint64_t app_target(std::string_view name) { return instance_id(name).value; }

}  // namespace parley
