// What an account may be called and which passwords it may have. Pure.
#pragma once

#include <string_view>

#include "base/result.h"

namespace parley {

// bad_request: not 1 … 64 bytes of UTF-8, or with characters that cannot be seen or that reorder
// what is shown (controls, bidirectional controls, zero-width characters, line separators), or with
// a space at an end.
Status check_name(std::string_view name);
// The same rule, 0 … 128 bytes.
Status check_nickname(std::string_view nickname);
// The account that a business system speaks to users as is called this and its name on the bus.
inline constexpr std::string_view service_name_prefix = "service:";
// check_name, and nobody may call himself like a service account, in any case of letters.
Status check_new_name(std::string_view name);
// bad_request: not 8 … 1024 bytes, contains the name (of 4 bytes or more; in any case of letters),
// or is one of the commonest passwords (common_passwords.def). No other rules: length is what
// counts.
Status check_password(std::string_view password, std::string_view name);

}  // namespace parley
