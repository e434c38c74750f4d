// The allow-list: which key may be what, under which name, on encrypted sockets. Pure. A line a key:
//
//   # comments are lines of their own: keys may contain a '#'
//   gateway   gateway-1   rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7
//   business  crm-1       Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID
//
// role: gateway, worker, business or admin. Name: exact, or, but for business systems, with a final '*' all that
// begin so; it also says which apps a business system may serve (registration.cc). Two lines
// with one role and name: two keys are valid, while one takes over from the other. One key has one line.
// Bounds: key_list_bytes_max, key_list_entries_max; a longer list is refused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "bus/principal.h"

namespace parley {

inline constexpr std::size_t key_list_bytes_max = 1 << 20;
inline constexpr std::size_t key_list_entries_max = 10'000;

struct KeyEntry {
  Role role;
  std::string names;
  std::string key;
  friend bool operator==(const KeyEntry&, const KeyEntry&) = default;
};

std::string_view name_of(Role role);
std::optional<Role> role_named(std::string_view name);

class KeyList {
 public:
  // config: "origin:line: what is wrong".
  static Result<KeyList> parse(std::string_view text, const std::string& origin);

  // In the order of the lines.
  const std::vector<KeyEntry>& entries() const { return entries_; }
  // Who has this public key; null: nobody. Valid as long as this list.
  const Principal* find(std::string_view key) const;

 private:
  std::vector<KeyEntry> entries_;
  std::unordered_map<std::string, Principal> principals_;
};

// config: the role's name is unknown, the name or the key is none.
Result<KeyEntry> parse_key_entry(std::string_view role, std::string_view names,
                                 std::string_view key);
// The text with one more line.
std::string with_entry(std::string_view text, const KeyEntry& entry);
// The text without this key's line; everything else stays as it was.
std::string without_key(std::string_view text, std::string_view key);

}  // namespace parley
