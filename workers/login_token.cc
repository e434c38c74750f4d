#include "workers/login_token.h"

#include <algorithm>

#include "base/log.h"

namespace parley {
namespace {

// One error for all that can be wrong: a thief does not learn how close he is.
tl::unexpected<Error> refused(const char* why) { return fail(Errc::refused, why); }

Status check_owner(const std::optional<DeviceRecord>& record, DeviceId device,
                   const Moment& moment) {
  if (!record) return refused("unknown token");
  if (record->device != device) return refused("token of another device");
  if (moment.wall_ms >= std::min(record->device_expires_ms, record->family_expires_ms))
    return refused("expired device");
  return {};
}

}  // namespace

Response TokenLogin::by_access_token(const Request<wire::TokenRequest>& request,
                                     const Moment& moment) {
  PARLEY_TRY(const DeviceIdentity device, device_of(request.body.device()));
  const auto token = token_from(request.body.access_token());
  if (!token) return refused("no token");
  PARLEY_TRY(const auto record, users_.device_by_access_token(hash_of(*token)));
  PARLEY_CHECK(check_owner(record, device.id, moment));
  if (moment.wall_ms >= record->access_expires_ms) return refused("expired access token");

  const Token access_token = new_token();
  PARLEY_TRY(const Generation generation, touch(*record, access_token, moment));
  return finish(*record, generation, access_token, std::nullopt, moment);
}

Response TokenLogin::by_device_token(const Request<wire::ResumeRequest>& request,
                                     const Moment& moment) {
  PARLEY_TRY(const DeviceIdentity device, device_of(request.body.device()));
  const auto token = token_from(request.body.device_token());
  if (!token) return refused("no token");
  const TokenHash hash = hash_of(*token);
  PARLEY_TRY(const auto record, users_.device_by_token(hash));
  PARLEY_CHECK(check_owner(record, device.id, moment));
  if (same(record->device_token, hash)) return rotate(*record, *token, moment);
  if (moment.wall_ms - record->rotated_ms <= rotation_grace_ms)
    return repeat(*record, *token, moment);
  return revoke_stolen(*record);
}

Response TokenLogin::rotate(const DeviceRecord& record, const Token& token, const Moment& moment) {
  const Token access_token = new_token();
  const Token successor = successor_of(token, record.rotation_key);
  const DeviceTokens tokens{
      .device_token = hash_of(successor),
      .access_token = hash_of(access_token),
      .now_ms = moment.wall_ms,
      .access_expires_ms = moment.wall_ms + access_token_ms,
      .device_expires_ms = std::min(moment.wall_ms + device_token_ms, record.family_expires_ms),
      .family_expires_ms = record.family_expires_ms,
      .rotation_key = record.rotation_key};
  PARLEY_TRY(const auto generation,
             users_.rotate_device(record.user, record.device, record.device_token, tokens));
  if (!generation) return lost_race(token, moment);
  return finish(record, *generation, access_token, successor, moment);
}

// Somebody was faster a moment ago: the same request, sent twice, or something that ended this
// family.
Response TokenLogin::lost_race(const Token& token, const Moment& moment) {
  const TokenHash hash = hash_of(token);
  PARLEY_TRY(const auto record, users_.device_by_token(hash));
  if (!record || !same(record->previous_token, hash))
    return refused("the device was changed meanwhile");
  return repeat(*record, token, moment);
}

Response TokenLogin::repeat(const DeviceRecord& record, const Token& token, const Moment& moment) {
  const Token access_token = new_token();
  PARLEY_TRY(const Generation generation, touch(record, access_token, moment));
  return finish(record, generation, access_token, successor_of(token, record.rotation_key), moment);
}

Result<Generation> TokenLogin::touch(const DeviceRecord& record, const Token& access_token,
                                     const Moment& moment) {
  auto generation = users_.touch_device(record.user, record.device, hash_of(access_token),
                                        moment.wall_ms + access_token_ms);
  if (!generation && generation.error().code == Errc::not_found)
    return refused("revoked meanwhile");
  return generation;
}

Response TokenLogin::revoke_stolen(const DeviceRecord& record) {
  log::warn("login.token_reused", {{"user", record.user}, {"device", record.device}});
  PARLEY_CHECK(users_.revoke_device(record.user, record.device));
  return {refused("a device token was used twice"),
          {revocation(record.user, record.device, record.generation)}};
}

Response TokenLogin::finish(const DeviceRecord& record, Generation generation,
                            const Token& access_token, std::optional<Token> device_token,
                            const Moment& moment) {
  const UserId ids[] = {record.user};
  PARLEY_TRY(const auto profiles, users_.profiles(ids, {}));
  if (profiles.empty()) return refused("the account is gone");
  log::info("login.accepted", {{"user", record.user}, {"device", record.device}, {"by", "token"}});
  return welcome({.user = record.user,
                  .name = profiles[0].name,
                  .nickname = profiles[0].nickname,
                  .device = {record.device, record.device_class},
                  .generation = generation,
                  .access_token = access_token,
                  .device_token = device_token},
                 options_, moment);
}

Response TokenLogin::log_out(const Request<wire::LogoutRequest>& request) {
  const EnvelopeHeader& header = request.header;
  PARLEY_CHECK(users_.revoke_device(header.user, header.device));
  log::info("login.logged_out", {{"user", header.user}, {"device", header.device}});
  Answer answer = answer_with(wire::LogoutReply());
  answer.flags = flag_ends_session;
  // The session that asks is ended by its gateway, after the reply; these are older ones of the
  // device that have not heard of their replacement yet.
  if (header.generation.value <= 1) return answer;
  return {std::move(answer),
          {revocation(header.user, header.device, Generation{header.generation.value - 1})}};
}

}  // namespace parley
