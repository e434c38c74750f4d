#include "workers/login_password.h"

#include <algorithm>

#include "base/failpoint.h"
#include "base/log.h"
#include "proto/trace_text.h"
#include "workers/account_rules.h"

namespace parley {
namespace {

constexpr std::uint64_t logins_at_once = 60;

tl::unexpected<Error> rate_limited(Duration wait) {
  return fail(Errc::rate_limited, "login", static_cast<std::uint32_t>(to_ms(wait) + 1));
}

// A new family of tokens: what the client gets, and what is stored of it.
struct NewTokens {
  Token device_token = new_token();
  Token access_token = new_token();
  DeviceTokens stored;
};

NewTokens issue_tokens(const Moment& moment) {
  NewTokens tokens;
  tokens.stored = {.device_token = hash_of(tokens.device_token),
                   .access_token = hash_of(tokens.access_token),
                   .now_ms = moment.wall_ms,
                   .access_expires_ms = moment.wall_ms + access_token_ms,
                   .device_expires_ms = moment.wall_ms + device_token_ms,
                   .family_expires_ms = moment.wall_ms + device_token_family_ms,
                   .rotation_key = new_token()};
  return tokens;
}

}  // namespace

PasswordLogin::PasswordLogin(UserStore& users, const PasswordHasher& hasher,
                             const LoginOptions& options)
    : users_(users),
      hasher_(hasher),
      options_(options),
      throttle_(options.failures_per_hour),
      registrations_(options.registrations_per_hour, options.registrations_per_hour),
      logins_(options.logins_per_hour, std::min(options.logins_per_hour, logins_at_once)) {}

Response PasswordLogin::sign_up(const Request<wire::RegisterRequest>& request,
                                const Moment& moment) {
  const wire::RegisterRequest& asked = request.body;
  if (!options_.registration) return fail(Errc::refused, "registration is switched off");
  PARLEY_CHECK(check_new_name(asked.name()));
  PARLEY_CHECK(check_nickname(asked.nickname()));
  PARLEY_CHECK(check_password(asked.password(), asked.name()));
  auto user = create(request, moment);
  if (!user && user.error().code == Errc::conflict && request.header.attempt > 1)
    user = created_before(request, moment);
  if (!user) return tl::unexpected(std::move(user).error());
  wire::RegisterReply reply;
  reply.set_user(user->value);
  return answer_with(reply);
}

Result<UserId> PasswordLogin::create(const Request<wire::RegisterRequest>& request,
                                     const Moment& moment) {
  const wire::RegisterRequest& asked = request.body;
  const Duration wait = registrations_.wait(request.header.origin, moment.now);
  if (wait > Duration::zero()) return rate_limited(wait);
  // Before the hash, which is the expensive part; create_account decides if two ask at once.
  PARLEY_TRY(const auto taken, users_.account_named(asked.name()));
  if (taken) return fail(Errc::conflict, "name is taken");

  PARLEY_TRY(const std::string hash, hasher_.hash(asked.password()));
  const std::string& nickname = asked.nickname().empty() ? asked.name() : asked.nickname();
  PARLEY_TRY(
      const UserId user,
      users_.create_account({.name = asked.name(), .nickname = nickname, .password_hash = hash}));
  registrations_.spend(request.header.origin, moment.now);
  log::info("login.registered", {{"user", user}});
  return user;
}

// Bounded like a login: it tells as much about a password.
Result<UserId> PasswordLogin::created_before(const Request<wire::RegisterRequest>& request,
                                             const Moment& moment) {
  const std::string& name = request.body.name();
  const std::uint64_t origin = request.header.origin;
  if (wait_for_login(name, origin, moment) > Duration::zero())
    return fail(Errc::conflict, "name is taken");
  logins_.spend(origin, moment.now);
  auto account = verified(name, request.body.password());
  if (account) return account->id;
  if (account.error().code != Errc::refused) return tl::unexpected(std::move(account).error());
  throttle_.failed(name, origin, moment.now);
  return fail(Errc::conflict, "name is taken");
}

Response PasswordLogin::log_in(const Request<wire::PasswordRequest>& request,
                               const Moment& moment) {
  const wire::PasswordRequest& asked = request.body;
  const std::uint64_t origin = request.header.origin;
  PARLEY_TRY(const DeviceIdentity device, device_of(asked.device()));
  PARLEY_CHECK(check_name(asked.name()));
  if (asked.password().size() > limits::password_max) return fail(Errc::bad_request, "password");
  const Duration wait = wait_for_login(asked.name(), origin, moment);
  if (wait > Duration::zero()) return rate_limited(wait);

  // Right passwords, too: one account must not be enough to keep all hashers busy.
  logins_.spend(origin, moment.now);
  auto account = verified(asked.name(), asked.password());
  if (!account) {
    if (account.error().code == Errc::refused) {
      throttle_.failed(asked.name(), origin, moment.now);
      log::warn("login.refused", {{"name", asked.name()},
                                  {"origin", origin},
                                  {"trace", trace_text(request.header.trace)}});
    }
    return tl::unexpected(std::move(account).error());
  }
  throttle_.succeeded(asked.name(), origin);
  return start_session(*account, device, moment);
}

Duration PasswordLogin::wait_for_login(const std::string& name, std::uint64_t origin,
                                       const Moment& moment) {
  return std::max(throttle_.wait(name, origin, moment.now), logins_.wait(origin, moment.now));
}

Result<Account> PasswordLogin::verified(const std::string& name, const std::string& password) {
  PARLEY_TRY(auto account, users_.account_named(name));
  const std::string& hash = account ? account->password_hash : hasher_.nobodys_hash();
  PARLEY_TRY(const auto verdict, hasher_.verify(hash, password));
  if (!account || verdict == PasswordHasher::Verdict::mismatch)
    return fail(Errc::refused, "name or password");
  if (verdict == PasswordHasher::Verdict::match_outdated) refresh_hash(*account, password);
  return *std::move(account);
}

// The login succeeds whether this does or not: the old hash stays good until the next one.
void PasswordLogin::refresh_hash(const Account& account, std::string_view password) {
  const auto hash = hasher_.hash(password);
  const Status stored =
      hash ? users_.set_password_hash(account.id, *hash) : Status(tl::unexpected(hash.error()));
  if (!stored)
    log::warn("login.rehash_failed", {{"user", account.id}, {"detail", stored.error().detail}});
}

Response PasswordLogin::start_session(const Account& account, const DeviceIdentity& device,
                                      const Moment& moment) {
  if (failpoint(Failpoint::login_after_verify_before_token) == FailAction::fail)
    return fail(Errc::retry_later, "failpoint", 100);
  const NewTokens tokens = issue_tokens(moment);
  PARLEY_TRY(const Generation generation,
             users_.put_device(account.id, device.id, device.device_class, tokens.stored));
  log::info("login.accepted", {{"user", account.id}, {"device", device.id}, {"by", "password"}});
  return welcome({.user = account.id,
                  .name = account.name,
                  .nickname = account.nickname,
                  .device = device,
                  .generation = generation,
                  .access_token = tokens.access_token,
                  .device_token = tokens.device_token},
                 options_, moment);
}

}  // namespace parley
