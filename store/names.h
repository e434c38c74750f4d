// Account names as the stores compare them.
#pragma once

#include <string>
#include <string_view>

namespace parley {

// A to Z become a to z; all other bytes stay: what PostgreSQL's lower() does in collation "C".
std::string folded_name(std::string_view name);

// Whether PostgreSQL can store it as text: UTF-8 (no surrogates, nothing overlong, at most
// U+10FFFF), no NUL.
bool is_storable_text(std::string_view text);

}  // namespace parley
