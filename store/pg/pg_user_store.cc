#include "store/pg/pg_user_store.h"

#include <algorithm>
#include <map>

#include "store/names.h"
#include "store/pg/values.h"

namespace parley {
namespace {

// The look-up before the insert spares the sequence: a refused insert would use up an id, and ids
// are 31 bits.
constexpr PgStatement create_statement{
    "user_create",
    "INSERT INTO parley.account (name, nickname, password_hash)"
    " SELECT $1::text, $2::text, $3::text WHERE NOT EXISTS ("
    "  SELECT FROM parley.account"
    "  WHERE lower(name COLLATE \"C\") = lower($1::text COLLATE \"C\"))"
    " ON CONFLICT (lower(name COLLATE \"C\")) DO NOTHING RETURNING id"};
constexpr PgStatement named_statement{
    "user_named",
    "SELECT id, name, nickname, password_hash FROM parley.account"
    " WHERE lower(name COLLATE \"C\") = lower($1::text COLLATE \"C\")"};
constexpr PgStatement password_statement{
    "user_password",
    "UPDATE parley.account SET password_hash = $2::text WHERE id = $1::int RETURNING id"};
constexpr PgStatement profiles_statement{
    "user_profiles",
    "SELECT id, name, nickname FROM parley.account WHERE id = ANY ($1::int[])"
    " UNION SELECT id, name, nickname FROM parley.account"
    " WHERE lower(name COLLATE \"C\") = ANY ($2::text[])"};

// $1 … $2 whose; $3 class; $4 device token, $5 access token, $6 its end, $7 device's end, $8
// family's end, $9 rotation key. The account's row lock orders the logins of a user.
constexpr PgStatement put_device_statement{
    "device_put",
    "WITH login AS ("
    " UPDATE parley.account SET generation = generation + 1 WHERE id = $1::int"
    " RETURNING id, generation"
    ") INSERT INTO parley.device (account, id, class, generation, token, previous_token,"
    " access_token, rotation_key, rotated_ms, device_expires_ms, family_expires_ms, "
    "access_expires_ms)"
    " SELECT id, $2::bigint, $3::int, generation, $4::bytea, NULL, $5::bytea, $9::bytea, 0,"
    " $7::bigint, $8::bigint, $6::bigint FROM login"
    " ON CONFLICT (account, id) DO UPDATE SET class = excluded.class,"
    " generation = excluded.generation, token = excluded.token, previous_token = NULL,"
    " access_token = excluded.access_token, rotation_key = excluded.rotation_key, rotated_ms = 0,"
    " device_expires_ms = excluded.device_expires_ms,"
    " family_expires_ms = excluded.family_expires_ms,"
    " access_expires_ms = excluded.access_expires_ms"
    " RETURNING generation"};
// Not within the login's statement: that one does not see the devices of logins that it waited for.
constexpr PgStatement forget_statement{
    "device_forget",
    "DELETE FROM parley.device WHERE account = $1::int AND id IN ("
    " SELECT id FROM parley.device WHERE account = $1::int ORDER BY generation DESC OFFSET "
    "$2::int)"};

#define PARLEY_DEVICE_COLUMNS                                               \
  "account, id, class::int, generation, token, previous_token, rotated_ms," \
  " device_expires_ms, family_expires_ms, access_token, access_expires_ms, rotation_key"
constexpr PgStatement by_token_statement{
    "device_by_token", "SELECT " PARLEY_DEVICE_COLUMNS
                       " FROM parley.device WHERE token = $1::bytea"
                       " UNION ALL SELECT " PARLEY_DEVICE_COLUMNS
                       " FROM parley.device WHERE previous_token = $1::bytea LIMIT 1"};
constexpr PgStatement by_access_statement{
    "device_by_access",
    "SELECT " PARLEY_DEVICE_COLUMNS " FROM parley.device WHERE access_token = $1::bytea LIMIT 1"};
#undef PARLEY_DEVICE_COLUMNS

// $3 expected; $4 device token, $5 access token, $6 its end, $7 device's end, $8 now, $9 rotation
// key. The account first, as everywhere, so that two resumes cannot wait for each other. Of two
// with the same token the second finds another token after its wait, and changes nothing but the
// count.
constexpr PgStatement rotate_statement{
    "device_rotate",
    "WITH login AS ("
    " UPDATE parley.account SET generation = generation + 1 WHERE id = $1::int AND EXISTS ("
    "  SELECT FROM parley.device WHERE account = $1::int AND id = $2::bigint AND token = $3::bytea)"
    " RETURNING generation"
    ") UPDATE parley.device d SET previous_token = d.token, token = $4::bytea,"
    " access_token = $5::bytea, access_expires_ms = $6::bigint, device_expires_ms = $7::bigint,"
    " rotated_ms = $8::bigint, rotation_key = $9::bytea, generation = login.generation"
    " FROM login WHERE d.account = $1::int AND d.id = $2::bigint AND d.token = $3::bytea"
    " RETURNING d.generation"};
constexpr PgStatement touch_statement{
    "device_touch",
    "WITH login AS ("
    " UPDATE parley.account SET generation = generation + 1 WHERE id = $1::int AND EXISTS ("
    "  SELECT FROM parley.device WHERE account = $1::int AND id = $2::bigint)"
    " RETURNING generation"
    ") UPDATE parley.device d SET access_token = $3::bytea, access_expires_ms = $4::bigint,"
    " generation = login.generation"
    " FROM login WHERE d.account = $1::int AND d.id = $2::bigint RETURNING d.generation"};
constexpr PgStatement revoke_statement{
    "device_revoke", "DELETE FROM parley.device WHERE account = $1::int AND id = $2::bigint"};

constexpr PgStatement list_statement{
    "list_put",
    "INSERT INTO parley.user_conversation (account, conversation)"
    " SELECT account, conversation FROM unnest($1::int[], $2::bigint[]) AS n(account, conversation)"
    " ORDER BY 1, 2 ON CONFLICT DO NOTHING"};
// Rows that stand beyond already are not written. What they say is then at least what was asked:
// the statement may have waited for somebody who moved them further than its own snapshot shows.
constexpr PgStatement move_statement{
    "list_move",
    "WITH asked AS ("
    " SELECT * FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::bigint[])"
    " AS n(account, conversation, received, read)"
    "), moved AS ("
    " UPDATE parley.user_conversation u"
    " SET received = greatest(u.received, n.received), read = greatest(u.read, n.read)"
    " FROM asked n WHERE u.account = n.account AND u.conversation = n.conversation"
    " AND (u.received < n.received OR u.read < n.read)"
    " RETURNING u.account, u.conversation, u.received, u.read"
    ") SELECT * FROM moved UNION ALL"
    " SELECT u.account, u.conversation, greatest(u.received, n.received), greatest(u.read, n.read)"
    " FROM asked n JOIN parley.user_conversation u USING (account, conversation)"
    " WHERE NOT EXISTS (SELECT FROM moved m"
    "  WHERE m.account = u.account AND m.conversation = u.conversation)"};
constexpr PgStatement page_statement{
    "list_page",
    "SELECT conversation, received, read FROM parley.user_conversation"
    " WHERE account = $1::int AND conversation > $2::bigint ORDER BY conversation LIMIT $3::int"};
constexpr PgStatement cursors_statement{
    "list_cursors",
    "SELECT u.account, u.conversation, u.received, u.read"
    " FROM unnest($1::int[], $2::bigint[]) AS n(account, conversation)"
    " JOIN parley.user_conversation u USING (account, conversation)"};

using Key = std::pair<UserId, ConversationId>;

template <typename Range, typename KeyOf>
void add_keys(PgParams& params, const Range& rows, KeyOf key_of) {
  params.add_array(PgType::integer, rows.size());
  for (const auto& row : rows) params.element(to_integer(key_of(row).first));
  params.add_array(PgType::bigint, rows.size());
  for (const auto& row : rows) params.element(to_bigint(key_of(row).second));
}

// Rows of account, conversation, received, read.
std::map<Key, Cursors> cursors_by_key(const PgRows& rows) {
  std::map<Key, Cursors> cursors;
  for (int row = 0; row < rows.size(); ++row) {
    cursors[{user_at(rows, row, 0), id_at<ConversationId>(rows, row, 1)}] = {
        id_at<Seq>(rows, row, 2), id_at<Seq>(rows, row, 3)};
  }
  return cursors;
}

std::optional<Cursors> at_key(const std::map<Key, Cursors>& cursors, const Key& key) {
  const auto found = cursors.find(key);
  return found == cursors.end() ? std::nullopt : std::optional{found->second};
}

std::optional<Generation> generation_in(const PgRows& rows) {
  return rows.size() == 0 ? std::nullopt : std::optional{id_at<Generation>(rows, 0, 0)};
}

}  // namespace

PgUserStore::PgUserStore(std::shared_ptr<PgConnection> connection)
    : connection_(std::move(connection)) {}

Result<UserId> PgUserStore::create_account(const NewAccount& account) {
  if (!is_storable_text(account.name) || !is_storable_text(account.nickname)) {
    return fail(Errc::bad_request, "account name or nickname is no text");
  }
  PgParams& params = connection_->params();
  for (const auto& text : {account.name, account.nickname, account.password_hash}) params.add(text);
  const auto rows = connection_->call(create_statement);
  if (!rows) return refusal(rows.error());
  if (rows->size() == 0) return fail(Errc::conflict, "account name is taken");
  return user_at(*rows, 0, 0);
}

Result<std::optional<Account>> PgUserStore::account_named(std::string_view name) {
  if (!is_storable_text(name)) return std::nullopt;
  connection_->params().add(name);
  const auto rows = connection_->call(named_statement);
  if (!rows) return refusal(rows.error());
  if (rows->size() == 0) return std::nullopt;
  return Account{user_at(*rows, 0, 0), std::string(rows->bytes(0, 1)),
                 std::string(rows->bytes(0, 2)), std::string(rows->bytes(0, 3))};
}

Status PgUserStore::set_password_hash(UserId user, std::string_view password_hash) {
  PgParams& params = connection_->params();
  params.add(to_integer(user));
  params.add(password_hash);
  const auto rows = connection_->call(password_statement);
  if (!rows) return refusal(rows.error());
  if (rows->size() == 0) return fail(Errc::not_found, "no such user");
  return {};
}

Result<std::vector<Profile>> PgUserStore::profiles(std::span<const UserId> ids,
                                                   std::span<const std::string> names) {
  std::vector<std::string> folded;
  for (const std::string& name : names) {
    if (is_storable_text(name)) folded.push_back(folded_name(name));
  }
  PgParams& params = connection_->params();
  params.add_array(PgType::integer, ids.size());
  for (const UserId id : ids) params.element(to_integer(id));
  params.add_array(PgType::text, folded.size());
  for (const std::string& name : folded) params.element(std::string_view(name));
  const auto rows = connection_->call(profiles_statement);
  if (!rows) return refusal(rows.error());
  std::vector<Profile> profiles;
  for (int row = 0; row < rows->size(); ++row) {
    profiles.push_back({user_at(*rows, row, 0), std::string(rows->bytes(row, 1)),
                        std::string(rows->bytes(row, 2))});
  }
  return profiles;
}

Result<Generation> PgUserStore::put_device(UserId user, DeviceId device, std::uint8_t device_class,
                                           const DeviceTokens& tokens) {
  PgParams& params = connection_->params();
  params.add(to_integer(user));
  params.add(to_bigint(device));
  params.add(std::int32_t{device_class});
  params.add(to_bytes(tokens.device_token));
  params.add(to_bytes(tokens.access_token));
  params.add(tokens.access_expires_ms);
  params.add(tokens.device_expires_ms);
  params.add(tokens.family_expires_ms);
  params.add(to_bytes(tokens.rotation_key));
  const auto rows = connection_->call(put_device_statement);
  if (!rows) return refusal(rows.error());
  const auto generation = generation_in(*rows);
  if (!generation) return fail(Errc::not_found, "no such user");

  PgParams& surplus = connection_->params();
  surplus.add(to_integer(user));
  surplus.add(static_cast<std::int32_t>(limits::devices_max));
  if (auto done = connection_->call(forget_statement); !done) return refusal(done.error());
  return *generation;
}

Result<std::optional<DeviceRecord>> PgUserStore::device(const PgStatement& statement,
                                                        const TokenHash& token) {
  if (token == TokenHash{}) return std::nullopt;
  connection_->params().add(to_bytes(token));
  const auto rows = connection_->call(statement);
  if (!rows) return refusal(rows.error());
  if (rows->size() == 0) return std::nullopt;
  return DeviceRecord{.user = user_at(*rows, 0, 0),
                      .device = id_at<DeviceId>(*rows, 0, 1),
                      .device_class = static_cast<std::uint8_t>(rows->integer(0, 2)),
                      .generation = id_at<Generation>(*rows, 0, 3),
                      .device_token = array_at<32>(*rows, 0, 4),
                      .previous_token = array_at<32>(*rows, 0, 5),
                      .rotated_ms = rows->bigint(0, 6),
                      .device_expires_ms = rows->bigint(0, 7),
                      .family_expires_ms = rows->bigint(0, 8),
                      .access_token = array_at<32>(*rows, 0, 9),
                      .access_expires_ms = rows->bigint(0, 10),
                      .rotation_key = array_at<32>(*rows, 0, 11)};
}

Result<std::optional<DeviceRecord>> PgUserStore::device_by_token(const TokenHash& device_token) {
  return device(by_token_statement, device_token);
}

Result<std::optional<DeviceRecord>> PgUserStore::device_by_access_token(const TokenHash& access) {
  return device(by_access_statement, access);
}

Result<std::optional<Generation>> PgUserStore::rotate_device(UserId user, DeviceId device,
                                                             const TokenHash& expected,
                                                             const DeviceTokens& tokens) {
  PgParams& params = connection_->params();
  params.add(to_integer(user));
  params.add(to_bigint(device));
  params.add(to_bytes(expected));
  params.add(to_bytes(tokens.device_token));
  params.add(to_bytes(tokens.access_token));
  params.add(tokens.access_expires_ms);
  params.add(tokens.device_expires_ms);
  params.add(tokens.now_ms);
  params.add(to_bytes(tokens.rotation_key));
  const auto rows = connection_->call(rotate_statement);
  if (!rows) return refusal(rows.error());
  return generation_in(*rows);
}

Result<Generation> PgUserStore::touch_device(UserId user, DeviceId device,
                                             const TokenHash& access_token,
                                             std::int64_t access_expires_ms) {
  PgParams& params = connection_->params();
  params.add(to_integer(user));
  params.add(to_bigint(device));
  params.add(to_bytes(access_token));
  params.add(access_expires_ms);
  const auto rows = connection_->call(touch_statement);
  if (!rows) return refusal(rows.error());
  const auto generation = generation_in(*rows);
  if (!generation) return fail(Errc::not_found, "no such device");
  return *generation;
}

Status PgUserStore::revoke_device(UserId user, DeviceId device) {
  PgParams& params = connection_->params();
  params.add(to_integer(user));
  params.add(to_bigint(device));
  if (auto done = connection_->call(revoke_statement); !done) return refusal(done.error());
  return {};
}

Status PgUserStore::list_conversations(std::span<const Key> rows) {
  add_keys(connection_->params(), rows, [](const Key& row) { return row; });
  const auto done = connection_->call(list_statement);
  if (done) return {};
  if (done.error().is_foreign_key_violation()) return fail(Errc::not_found, "no such user");
  return refusal(done.error());
}

Result<std::vector<std::optional<Cursors>>> PgUserStore::move_cursors(
    std::span<const CursorMove> moves) {
  // One row each, in key order: an UPDATE takes the first of two for the same row, and locks in
  // order.
  std::map<Key, Cursors> asked;
  for (const auto& [user, conversation, to] : moves) {
    Cursors& at = asked[{user, conversation}];
    at.received = std::max({at.received, to.received, to.read});
    at.read = std::max(at.read, to.read);
  }
  PgParams& params = connection_->params();
  add_keys(params, asked, [](const auto& row) { return row.first; });
  params.add_array(PgType::bigint, asked.size());
  for (const auto& [key, to] : asked) params.element(to_bigint(to.received));
  params.add_array(PgType::bigint, asked.size());
  for (const auto& [key, to] : asked) params.element(to_bigint(to.read));
  const auto rows = connection_->call(move_statement);
  if (!rows) return refusal(rows.error());

  const auto standing = cursors_by_key(*rows);
  std::vector<std::optional<Cursors>> answer;
  for (const CursorMove& move : moves) {
    answer.push_back(at_key(standing, {move.user, move.conversation}));
  }
  return answer;
}

Result<std::vector<ListedConversation>> PgUserStore::conversations(UserId user,
                                                                   ConversationId after,
                                                                   std::uint32_t limit) {
  PgParams& params = connection_->params();
  params.add(to_integer(user));
  params.add(to_bigint(after));
  params.add(static_cast<std::int32_t>(std::min(limit, limits::conversations_page_max)));
  const auto rows = connection_->call(page_statement);
  if (!rows) return refusal(rows.error());
  std::vector<ListedConversation> listed;
  for (int row = 0; row < rows->size(); ++row) {
    listed.push_back({id_at<ConversationId>(*rows, row, 0),
                      {id_at<Seq>(*rows, row, 1), id_at<Seq>(*rows, row, 2)}});
  }
  return listed;
}

Result<std::vector<std::optional<Cursors>>> PgUserStore::cursors(std::span<const Key> rows) {
  add_keys(connection_->params(), rows, [](const Key& row) { return row; });
  const auto answer = connection_->call(cursors_statement);
  if (!answer) return refusal(answer.error());
  const auto standing = cursors_by_key(*answer);
  std::vector<std::optional<Cursors>> found;
  for (const Key& row : rows) found.push_back(at_key(standing, row));
  return found;
}

}  // namespace parley
