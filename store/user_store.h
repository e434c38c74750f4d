// Accounts, devices, tokens, and each user's list of conversations with his cursors. Keyed by user:
// an implementation touches rows of the user family only (DESIGN §7). Thread, errors: as LogStore.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace parley {

struct NewAccount {
  std::string_view name;  // valid, as its user wrote it; unique regardless of ASCII case
  std::string_view nickname;
  std::string_view password_hash;  // libsodium's crypto_pwhash_str
};

struct Account {
  UserId id;
  std::string name;
  std::string nickname;
  std::string password_hash;
};

struct Profile {
  UserId id;
  std::string name;
  std::string nickname;
};

// Tokens are stored as hashes only (BLAKE2b-256).
using TokenHash = std::array<std::uint8_t, 32>;

struct DeviceTokens {
  TokenHash device_token{};
  TokenHash access_token{};
  std::int64_t now_ms = 0;  // wall clock
  std::int64_t access_expires_ms = 0;
  std::int64_t device_expires_ms = 0;  // sliding
  std::int64_t family_expires_ms = 0;  // absolute, set at the password login
  // The successor of a device token is keyed by it (login.cc).
  std::array<std::uint8_t, 32> rotation_key{};
};

// A device as a login or resume finds it.
struct DeviceRecord {
  UserId user;
  DeviceId device;
  std::uint8_t device_class = 0;
  Generation generation;  // of its last login
  TokenHash device_token{};
  TokenHash previous_token{};   // what device_token replaced; zeros if nothing
  std::int64_t rotated_ms = 0;  // when
  std::int64_t device_expires_ms = 0;
  std::int64_t family_expires_ms = 0;
  TokenHash access_token{};
  std::int64_t access_expires_ms = 0;
  std::array<std::uint8_t, 32> rotation_key{};
};

struct Cursors {
  Seq received;
  Seq read;
};

struct CursorMove {
  UserId user;
  ConversationId conversation;
  Cursors to;  // 0 = unchanged; never moves backwards
};

struct ListedConversation {
  ConversationId conversation;
  Cursors cursors;
};

class UserStore {
 public:
  virtual ~UserStore() = default;

  // conflict: the name is taken. bad_request: name or nickname is no text (UTF-8 without NUL).
  virtual Result<UserId> create_account(const NewAccount& account) = 0;
  virtual Result<std::optional<Account>> account_named(std::string_view name) = 0;
  // not_found: no such user.
  virtual Status set_password_hash(UserId user, std::string_view password_hash) = 0;
  // By ids and by names; unknown ones are left out. In no particular order.
  virtual Result<std::vector<Profile>> profiles(std::span<const UserId> ids,
                                                std::span<const std::string> names) = 0;

  // A login: stores the device with these tokens (replacing its former ones), counts the user's
  // generation up and returns it. Beyond 10 devices the one used longest ago (lowest generation) is
  // forgotten. not_found: no such user.
  virtual Result<Generation> put_device(UserId user, DeviceId device, std::uint8_t device_class,
                                        const DeviceTokens& tokens) = 0;
  // By the hash of the current or the previous device token.
  virtual Result<std::optional<DeviceRecord>> device_by_token(const TokenHash& device_token) = 0;
  virtual Result<std::optional<DeviceRecord>> device_by_access_token(const TokenHash& access) = 0;
  // A resume: if the device's token is still `expected`, replaces its tokens, remembers `expected`
  // as the previous one, counts the generation up and returns it; nothing if it is not (somebody
  // was faster). family_expires_ms stays as the password login set it.
  virtual Result<std::optional<Generation>> rotate_device(UserId user, DeviceId device,
                                                          const TokenHash& expected,
                                                          const DeviceTokens& tokens) = 0;
  // A return with a token that stays: replaces the access token, counts the generation up.
  // not_found: no such device.
  virtual Result<Generation> touch_device(UserId user, DeviceId device,
                                          const TokenHash& access_token,
                                          std::int64_t access_expires_ms) = 0;
  // Logout, or theft: the device's tokens are worth nothing any more. Idempotent.
  virtual Status revoke_device(UserId user, DeviceId device) = 0;

  // Puts conversations into users' lists. Idempotent. Committed when it returns.
  // not_found: there is no such user; then nothing is written.
  virtual Status list_conversations(std::span<const std::pair<UserId, ConversationId>> rows) = 0;
  // Moves cursors forwards, all of them, then returns where they stand, in order; nothing where the
  // conversation is not in that user's list. What is read is received: `read` moves both.
  virtual Result<std::vector<std::optional<Cursors>>> move_cursors(
      std::span<const CursorMove> moves) = 0;
  // A user's conversations above `after`, ascending by id, at most `limit` (cut to 1000).
  virtual Result<std::vector<ListedConversation>> conversations(UserId user, ConversationId after,
                                                                std::uint32_t limit) = 0;
  // One row each, in order; nothing where the conversation is not in that user's list.
  virtual Result<std::vector<std::optional<Cursors>>> cursors(
      std::span<const std::pair<UserId, ConversationId>> rows) = 0;
};

}  // namespace parley
