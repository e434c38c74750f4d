// A users' store that passes everything on: what a test overrides is what it is about.
#pragma once

#include "store/user_store.h"

namespace parley::test {

class ForwardingUserStore : public UserStore {
 public:
  explicit ForwardingUserStore(UserStore& users) : users_(users) {}

  Result<UserId> create_account(const NewAccount& account) override {
    return users_.create_account(account);
  }
  Result<std::optional<Account>> account_named(std::string_view name) override {
    return users_.account_named(name);
  }
  Status set_password_hash(UserId user, std::string_view hash) override {
    return users_.set_password_hash(user, hash);
  }
  Result<std::vector<Profile>> profiles(std::span<const UserId> ids,
                                        std::span<const std::string> names) override {
    return users_.profiles(ids, names);
  }
  Result<Generation> put_device(UserId user, DeviceId device, std::uint8_t device_class,
                                const DeviceTokens& tokens) override {
    return users_.put_device(user, device, device_class, tokens);
  }
  Result<std::optional<DeviceRecord>> device_by_token(const TokenHash& token) override {
    return users_.device_by_token(token);
  }
  Result<std::optional<DeviceRecord>> device_by_access_token(const TokenHash& token) override {
    return users_.device_by_access_token(token);
  }
  Result<std::optional<Generation>> rotate_device(UserId user, DeviceId device,
                                                  const TokenHash& expected,
                                                  const DeviceTokens& tokens) override {
    return users_.rotate_device(user, device, expected, tokens);
  }
  Result<Generation> touch_device(UserId user, DeviceId device, const TokenHash& token,
                                  std::int64_t expires_ms) override {
    return users_.touch_device(user, device, token, expires_ms);
  }
  Status revoke_device(UserId user, DeviceId device) override {
    return users_.revoke_device(user, device);
  }
  Status list_conversations(std::span<const std::pair<UserId, ConversationId>> rows) override {
    return users_.list_conversations(rows);
  }
  Result<std::vector<std::optional<Cursors>>> move_cursors(
      std::span<const CursorMove> moves) override {
    return users_.move_cursors(moves);
  }
  Result<std::vector<ListedConversation>> conversations(UserId user, ConversationId after,
                                                        std::uint32_t limit) override {
    return users_.conversations(user, after, limit);
  }
  Result<std::vector<std::optional<Cursors>>> cursors(
      std::span<const std::pair<UserId, ConversationId>> rows) override {
    return users_.cursors(rows);
  }

 private:
  UserStore& users_;
};

}  // namespace parley::test
