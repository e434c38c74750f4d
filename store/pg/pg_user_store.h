// Accounts, devices and lists in PostgreSQL. Every call is one statement, so one transaction and
// one round trip; put_device needs a second one, which only removes what is too many.
#pragma once

#include <memory>

#include "store/pg/connection.h"
#include "store/user_store.h"

namespace parley {

class PgUserStore final : public UserStore {
 public:
  explicit PgUserStore(std::shared_ptr<PgConnection> connection);

  Result<UserId> create_account(const NewAccount& account) override;
  Result<std::optional<Account>> account_named(std::string_view name) override;
  Status set_password_hash(UserId user, std::string_view password_hash) override;
  Result<std::vector<Profile>> profiles(std::span<const UserId> ids,
                                        std::span<const std::string> names) override;

  Result<Generation> put_device(UserId user, DeviceId device, std::uint8_t device_class,
                                const DeviceTokens& tokens) override;
  Result<std::optional<DeviceRecord>> device_by_token(const TokenHash& device_token) override;
  Result<std::optional<DeviceRecord>> device_by_access_token(const TokenHash& access) override;
  Result<std::optional<Generation>> rotate_device(UserId user, DeviceId device,
                                                  const TokenHash& expected,
                                                  const DeviceTokens& tokens) override;
  Result<Generation> touch_device(UserId user, DeviceId device, const TokenHash& access_token,
                                  std::int64_t access_expires_ms) override;
  Status revoke_device(UserId user, DeviceId device) override;

  Status list_conversations(std::span<const std::pair<UserId, ConversationId>> rows) override;
  Result<std::vector<std::optional<Cursors>>> move_cursors(
      std::span<const CursorMove> moves) override;
  Result<std::vector<ListedConversation>> conversations(UserId user, ConversationId after,
                                                        std::uint32_t limit) override;
  Result<std::vector<std::optional<Cursors>>> cursors(
      std::span<const std::pair<UserId, ConversationId>> rows) override;

 private:
  Result<std::optional<DeviceRecord>> device(const PgStatement& statement, const TokenHash& token);

  std::shared_ptr<PgConnection> connection_;
};

}  // namespace parley
