// The keys of the encrypted bus, as `parley key` keeps them: pairs (bus/curve.h) and the brokers' allow-list
// (bus/key_list.h). A list is replaced as a whole, keeps its comments, mode and owner, and is edited by one
// at a time. Errors: config: a file or an argument is not what it should be; conflict: it is there already;
// not_found: it is not; io.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "bus/curve.h"
#include "bus/key_list.h"

namespace parley {

// The first lines of a list that is made.
inline constexpr std::string_view key_list_preface =
    "# Who may use the bus over tcp, a line each: ROLE NAME PUBLICKEY\n"
    "# Roles: gateway, worker, business, admin. `parley key allow` and `parley key revoke`\n"
    "# change it; brokers follow within a second.\n";

// Makes the pair unless there is one. Its public half.
Result<std::string> make_bus_key(const std::string& path);
// A key as people give it: itself, or the name of its pair's file.
Result<std::string> public_key_from(const std::string& text);

// Makes the list if there is none. conflict: the key has a line already.
Status allow_key(const std::string& list, const KeyEntry& entry);
// What the line said. not_found: there is none for this key.
Result<KeyEntry> revoke_key(const std::string& list, const std::string& key);

struct Rotation {
  KeyEntry former;
  std::string next_file;  // FILE.new
  std::string next_key;
};
// Makes the pair that will follow FILE's, and gives it a line like that of the former, which stays valid. Goes on
// with the pair of a rotation that was interrupted before it had a line; leaves none behind if it fails itself.
// not_found: FILE's key has no line. conflict: a rotation is going on.
Result<Rotation> rotate_key(const std::string& list, const std::string& file);

// For people: a line each with role, name and fingerprint, then what looks odd.
Result<std::string> describe_keys(const std::string& list);

}  // namespace parley
