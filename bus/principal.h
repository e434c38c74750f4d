// Who the transport says a peer is. The broker believes this, never what a peer says of itself. Pure.
//
// On an encrypted (CURVE) socket it is the line of the allow-list (key_list.h) that has the peer's key; on
// an unencrypted one everybody who can reach the socket is trusted with the roles of its side.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace parley {

enum class Role : std::uint8_t { gateway, worker, business, admin };

class Roles {
 public:
  constexpr Roles() = default;
  constexpr Roles(std::initializer_list<Role> roles) {
    for (const Role role : roles) bits_ = static_cast<std::uint8_t>(bits_ | bit(role));
  }
  constexpr bool has(Role role) const { return (bits_ & bit(role)) != 0; }
  friend bool operator==(const Roles&, const Roles&) = default;

 private:
  static constexpr std::uint8_t bit(Role role) {
    return static_cast<std::uint8_t>(1U << static_cast<unsigned>(role));
  }
  std::uint8_t bits_ = 0;
};

struct Principal {
  std::string key;    // its public key, Z85; empty: unencrypted
  Roles roles;        // what it may be
  std::string names;  // what it may be called: a name, or with a final '*' all that begin so

  bool may_be_called(std::string_view name) const {
    if (!names.ends_with('*')) return name == names;
    return name.starts_with(std::string_view(names).substr(0, names.size() - 1));
  }
  friend bool operator==(const Principal&, const Principal&) = default;
};

}  // namespace parley
