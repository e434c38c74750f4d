// The one thing about JSON that a log writer needs: strings that cannot break out of their line.
#pragma once

#include <string>
#include <string_view>

namespace parley {

// Appends `text` in quotes. Control characters, DEL, quotes and backslashes are escaped; so are
// bytes that are no valid UTF-8 (as \ufffd) and the bidirectional overrides that can disguise a
// line to a reader.
void append_json_string(std::string_view text, std::string& out);

}  // namespace parley
