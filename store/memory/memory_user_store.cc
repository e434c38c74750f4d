#include <algorithm>

#include "store/limits.h"
#include "store/memory/memory_database.h"
#include "store/names.h"

namespace parley {
namespace {

using User = MemoryDatabase::User;

// Null if there is no such user.
User* find_user(MemoryDatabase& database, UserId id) {
  const auto found = database.users.find(id);
  return found == database.users.end() ? nullptr : &found->second;
}

// Null if that user has no such device.
DeviceRecord* find_device(MemoryDatabase& database, UserId user, DeviceId device) {
  User* owner = find_user(database, user);
  if (owner == nullptr) return nullptr;
  const auto found = owner->devices.find(device);
  return found == owner->devices.end() ? nullptr : &found->second;
}

// Null if the conversation is not in that user's list.
Cursors* find_cursors(MemoryDatabase& database, UserId user, ConversationId conversation) {
  User* owner = find_user(database, user);
  if (owner == nullptr) return nullptr;
  const auto found = owner->conversations.find(conversation);
  return found == owner->conversations.end() ? nullptr : &found->second;
}

template <typename Predicate>
std::optional<DeviceRecord> device_where(const MemoryDatabase& database, Predicate matches) {
  for (const auto& [id, user] : database.users) {
    for (const auto& [device_id, device] : user.devices) {
      if (matches(device)) return device;
    }
  }
  return std::nullopt;
}

void set_tokens(DeviceRecord& device, const DeviceTokens& tokens) {
  device.device_token = tokens.device_token;
  device.access_token = tokens.access_token;
  device.access_expires_ms = tokens.access_expires_ms;
  device.device_expires_ms = tokens.device_expires_ms;
  device.rotation_key = tokens.rotation_key;
}

Generation count_login(User& user, DeviceRecord& device) {
  user.generation = Generation{user.generation.value + 1};
  return device.generation = user.generation;
}

void forget_oldest_device(User& user) {
  if (user.devices.size() <= limits::devices_max) return;
  user.devices.erase(std::ranges::min_element(
      user.devices, {}, [](const auto& entry) { return entry.second.generation; }));
}

}  // namespace

MemoryUserStore::MemoryUserStore(std::shared_ptr<MemoryDatabase> database)
    : database_(std::move(database)) {}

Result<UserId> MemoryUserStore::create_account(const NewAccount& account) {
  PARLEY_ENTER(*database_);
  if (!is_storable_text(account.name) || !is_storable_text(account.nickname)) {
    return fail(Errc::bad_request, "account name or nickname is no text");
  }
  const UserId id{database_->users.size() + 1};
  if (!database_->ids_by_name.try_emplace(folded_name(account.name), id).second) {
    return fail(Errc::conflict, "account name is taken");
  }
  database_->users[id].account = {id, std::string(account.name), std::string(account.nickname),
                                  std::string(account.password_hash)};
  return id;
}

Result<std::optional<Account>> MemoryUserStore::account_named(std::string_view name) {
  PARLEY_ENTER(*database_);
  const auto found = database_->ids_by_name.find(folded_name(name));
  if (found == database_->ids_by_name.end()) return std::nullopt;
  return database_->users.at(found->second).account;
}

Status MemoryUserStore::set_password_hash(UserId user, std::string_view password_hash) {
  PARLEY_ENTER(*database_);
  User* found = find_user(*database_, user);
  if (found == nullptr) return fail(Errc::not_found, "no such user");
  found->account.password_hash = password_hash;
  return {};
}

Result<std::vector<Profile>> MemoryUserStore::profiles(std::span<const UserId> ids,
                                                       std::span<const std::string> names) {
  PARLEY_ENTER(*database_);
  std::set<UserId> wanted(ids.begin(), ids.end());
  for (const std::string& name : names) {
    const auto found = database_->ids_by_name.find(folded_name(name));
    if (found != database_->ids_by_name.end()) wanted.insert(found->second);
  }
  std::vector<Profile> profiles;
  for (const UserId id : wanted) {
    const User* user = find_user(*database_, id);
    if (user != nullptr) profiles.push_back({id, user->account.name, user->account.nickname});
  }
  return profiles;
}

Result<Generation> MemoryUserStore::put_device(UserId user, DeviceId device,
                                               std::uint8_t device_class,
                                               const DeviceTokens& tokens) {
  PARLEY_ENTER(*database_);
  User* owner = find_user(*database_, user);
  if (owner == nullptr) return fail(Errc::not_found, "no such user");
  DeviceRecord& record = owner->devices[device];
  record = DeviceRecord{};
  record.user = user;
  record.device = device;
  record.device_class = device_class;
  set_tokens(record, tokens);
  record.family_expires_ms = tokens.family_expires_ms;
  const Generation generation = count_login(*owner, record);
  forget_oldest_device(*owner);
  return generation;
}

Result<std::optional<DeviceRecord>> MemoryUserStore::device_by_token(
    const TokenHash& device_token) {
  PARLEY_ENTER(*database_);
  if (device_token == TokenHash{}) return std::nullopt;
  return device_where(*database_, [&](const DeviceRecord& device) {
    return device.device_token == device_token || device.previous_token == device_token;
  });
}

Result<std::optional<DeviceRecord>> MemoryUserStore::device_by_access_token(
    const TokenHash& access) {
  PARLEY_ENTER(*database_);
  if (access == TokenHash{}) return std::nullopt;
  return device_where(*database_,
                      [&](const DeviceRecord& device) { return device.access_token == access; });
}

Result<std::optional<Generation>> MemoryUserStore::rotate_device(UserId user, DeviceId device,
                                                                 const TokenHash& expected,
                                                                 const DeviceTokens& tokens) {
  PARLEY_ENTER(*database_);
  DeviceRecord* record = find_device(*database_, user, device);
  if (record == nullptr || record->device_token != expected) return std::nullopt;
  record->previous_token = expected;
  record->rotated_ms = tokens.now_ms;
  set_tokens(*record, tokens);
  return count_login(database_->users.at(user), *record);
}

Result<Generation> MemoryUserStore::touch_device(UserId user, DeviceId device,
                                                 const TokenHash& access_token,
                                                 std::int64_t access_expires_ms) {
  PARLEY_ENTER(*database_);
  DeviceRecord* record = find_device(*database_, user, device);
  if (record == nullptr) return fail(Errc::not_found, "no such device");
  record->access_token = access_token;
  record->access_expires_ms = access_expires_ms;
  return count_login(database_->users.at(user), *record);
}

Status MemoryUserStore::revoke_device(UserId user, DeviceId device) {
  PARLEY_ENTER(*database_);
  User* owner = find_user(*database_, user);
  if (owner != nullptr) owner->devices.erase(device);
  return {};
}

Status MemoryUserStore::list_conversations(
    std::span<const std::pair<UserId, ConversationId>> rows) {
  PARLEY_ENTER(*database_);
  for (const auto& [user, conversation] : rows) {
    if (find_user(*database_, user) == nullptr) return fail(Errc::not_found, "no such user");
  }
  for (const auto& [user, conversation] : rows) {
    database_->users.at(user).conversations.try_emplace(conversation);
  }
  return {};
}

Result<std::vector<std::optional<Cursors>>> MemoryUserStore::move_cursors(
    std::span<const CursorMove> moves) {
  PARLEY_ENTER(*database_);
  for (const auto& [user, conversation, to] : moves) {
    Cursors* at = find_cursors(*database_, user, conversation);
    if (at == nullptr) continue;
    at->received = std::max({at->received, to.received, to.read});
    at->read = std::max(at->read, to.read);
  }
  std::vector<std::optional<Cursors>> standing;
  for (const auto& [user, conversation, to] : moves) {
    const Cursors* at = find_cursors(*database_, user, conversation);
    standing.push_back(at == nullptr ? std::nullopt : std::optional{*at});
  }
  return standing;
}

Result<std::vector<ListedConversation>> MemoryUserStore::conversations(UserId user,
                                                                       ConversationId after,
                                                                       std::uint32_t limit) {
  PARLEY_ENTER(*database_);
  std::vector<ListedConversation> listed;
  const User* owner = find_user(*database_, user);
  if (owner == nullptr) return listed;
  const std::size_t most = std::min(limit, limits::conversations_page_max);
  for (auto at = owner->conversations.upper_bound(after);
       at != owner->conversations.end() && listed.size() < most; ++at) {
    listed.push_back({at->first, at->second});
  }
  return listed;
}

Result<std::vector<std::optional<Cursors>>> MemoryUserStore::cursors(
    std::span<const std::pair<UserId, ConversationId>> rows) {
  PARLEY_ENTER(*database_);
  std::vector<std::optional<Cursors>> found;
  for (const auto& [user, conversation] : rows) {
    const Cursors* at = find_cursors(*database_, user, conversation);
    found.push_back(at == nullptr ? std::nullopt : std::optional{*at});
  }
  return found;
}

}  // namespace parley
