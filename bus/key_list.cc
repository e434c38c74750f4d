#include "bus/key_list.h"

#include <algorithm>
#include <array>

#include "bus/curve.h"
#include "proto/envelope.h"

namespace parley {
namespace {

constexpr std::array<std::string_view, 4> role_names{"gateway", "worker", "business", "admin"};
constexpr std::string_view blanks = " \t";
constexpr std::size_t words_max = 4;  // one more than a line has

// Those of peers, which are what it must be able to name.
bool is_names(std::string_view text) {
  const bool is_prefix = text.ends_with('*');
  if (is_prefix) text.remove_suffix(1);
  return (is_prefix && text.empty()) || is_bus_name(text);
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (words.size() < words_max) {
    const std::size_t begin = line.find_first_not_of(blanks);
    if (begin == line.npos) break;
    line.remove_prefix(begin);
    const std::size_t end = std::min(line.find_first_of(blanks), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
  return words;
}

bool is_entry(const std::vector<std::string_view>& words) {
  return !words.empty() && !words.front().starts_with('#');
}

// Calls visit(line) for each line, without its end.
template <typename Visit>
void for_each_line(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    visit(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

Result<KeyEntry> parse_line(const std::vector<std::string_view>& words) {
  if (words.size() != 3) return fail(Errc::config, "a line is \"ROLE NAME PUBLICKEY\"");
  return parse_key_entry(words[0], words[1], words[2]);
}

}  // namespace

std::string_view name_of(Role role) { return role_names[static_cast<std::size_t>(role)]; }

std::optional<Role> role_named(std::string_view name) {
  const auto found = std::ranges::find(role_names, name);
  if (found == role_names.end()) return std::nullopt;
  return static_cast<Role>(found - role_names.begin());
}

Result<KeyEntry> parse_key_entry(std::string_view role, std::string_view names,
                                 std::string_view key) {
  const auto known = role_named(role);
  if (!known) return fail(Errc::config, "the role is gateway, worker, business or admin");
  if (!is_names(names))
    return fail(Errc::config, "a name has up to 64 of a-z A-Z 0-9 . _ - and perhaps a final *");
  if (*known == Role::business && names.ends_with('*'))
    return fail(Errc::config, "a business system's name is exact: it says what it may serve");
  if (!is_curve_key(key)) return fail(Errc::config, "a public key has 40 characters (Z85)");
  return KeyEntry{*known, std::string(names), std::string(key)};
}

Result<KeyList> KeyList::parse(std::string_view text, const std::string& origin) {
  if (text.size() > key_list_bytes_max) return fail(Errc::config, origin + ": is too large");
  KeyList list;
  std::optional<std::string> wrong;
  unsigned number = 0;
  for_each_line(text, [&](std::string_view line) {
    ++number;
    const auto words = words_of(line);
    if (wrong || !is_entry(words)) return;
    const auto entry = parse_line(words);
    if (!entry) wrong = entry.error().detail;
    else if (list.entries_.size() == key_list_entries_max) wrong = "too many keys";
    else if (const Principal who{entry->key, {entry->role}, entry->names};
             !list.principals_.try_emplace(entry->key, who).second)
      wrong = "this key has a line already";
    if (wrong) wrong = origin + ":" + std::to_string(number) + ": " + *wrong;
    else list.entries_.push_back(*entry);
  });
  if (wrong) return fail(Errc::config, *wrong);
  return list;
}

const Principal* KeyList::find(std::string_view key) const {
  const auto found = principals_.find(std::string(key));
  return found == principals_.end() ? nullptr : &found->second;
}

std::string with_entry(std::string_view text, const KeyEntry& entry) {
  std::string longer(text);
  if (!longer.empty() && !longer.ends_with('\n')) longer += '\n';
  return longer.append(name_of(entry.role)) + " " + entry.names + " " + entry.key + "\n";
}

std::string without_key(std::string_view text, std::string_view key) {
  std::string shorter;
  for_each_line(text, [&](std::string_view line) {
    const auto words = words_of(line);
    if (is_entry(words) && words.size() == 3 && words[2] == key) return;
    shorter.append(line) += '\n';
  });
  return shorter;
}

}  // namespace parley
