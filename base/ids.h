// Strong types for everything that is a number but must not be mixed up with another number.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

namespace parley {

template <typename Tag>
struct Id {
  std::uint64_t value = 0;

  constexpr Id() = default;
  constexpr explicit Id(std::uint64_t v) : value(v) {}
  friend constexpr auto operator<=>(Id, Id) = default;
  constexpr explicit operator bool() const { return value != 0; }
};

// A person's or business system's account. 1 … 2^31 - 1 (see ConversationId); 0 is nobody.
using UserId = Id<struct UserTag>;
// A device of a user, chosen at random by the client; 0 is none. Unique within its user only.
using DeviceId = Id<struct DeviceTag>;
// A conversation's log. Direct conversations: see direct_conversation.
using ConversationId = Id<struct ConversationTag>;
// The place of an entry in its conversation's log: 1, 2, 3 … without holes. 0 is before the first.
using Seq = Id<struct SeqTag>;
// A user's logins are counted; of two sessions the one with the higher generation is the newer.
using Generation = Id<struct GenerationTag>;
// The lasting name of a gateway, broker or worker on the bus, hashed (instance_id).
using InstanceId = Id<struct InstanceTag>;
// One life of a process on the bus: random at each start. Fences answers meant for a former life.
using BootId = Id<struct BootTag>;
// A connection of one gateway process; never reused while that process lives.
using ConnectionId = Id<struct ConnectionTag>;

// Chosen by the sender's client for each message; the key of exactly-once (DESIGN §1, promise 2).
using ClientMessageId = std::array<std::uint8_t, 16>;

inline constexpr std::uint64_t user_id_max = (1ULL << 31) - 1;

constexpr bool is_valid(UserId user) { return user.value >= 1 && user.value <= user_id_max; }

// The conversation of two users is a function of them: the smaller id in bits 31…61, the greater in
// bits 0…30. So nobody has to look it up, its members can be read off its id, and two users cannot
// end up with two conversations. Bit 62 is kept for groups; bit 63 is never set (PostgreSQL's
// bigint). Requires: both valid and different.
constexpr ConversationId direct_conversation(UserId a, UserId b) {
  const auto [low, high] = a < b ? std::pair{a, b} : std::pair{b, a};
  return ConversationId{(low.value << 31) | high.value};
}

struct DirectMembers {
  UserId low;
  UserId high;
  constexpr bool has(UserId user) const { return user == low || user == high; }
  constexpr UserId other(UserId user) const { return user == low ? high : low; }
};

// The two members of a direct conversation; nothing if the id is not one of a direct conversation.
constexpr std::optional<DirectMembers> members_of(ConversationId conversation) {
  const DirectMembers members{UserId{conversation.value >> 31},
                              UserId{conversation.value & user_id_max}};
  const bool direct = is_valid(members.low) && is_valid(members.high) && members.low < members.high;
  return direct ? std::optional{members} : std::nullopt;
}

}  // namespace parley

template <typename Tag>
struct std::hash<parley::Id<Tag>> {
  std::size_t operator()(parley::Id<Tag> id) const noexcept {
    // Fibonacci hashing: ids are often consecutive, and buckets are a power of two in some tables.
    return static_cast<std::size_t>(id.value * 0x9E3779B97F4A7C15ULL);
  }
};
