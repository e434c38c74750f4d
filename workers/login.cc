// Service `login`: who you are. Who may ask what, on which thread, and who carries it out.
#include <memory>

#include "workers/account_rules.h"
#include "workers/login_password.h"
#include "workers/login_token.h"
#include "workers/services.h"

namespace parley {
namespace {

Response find(UserStore& users, const wire::FindRequest& request) {
  if (static_cast<std::size_t>(request.names_size()) +
          static_cast<std::size_t>(request.users_size()) >
      limits::find_max)
    return fail(Errc::bad_request, "too many at once");
  std::vector<UserId> ids;
  for (const std::uint64_t id : request.users()) {
    if (is_valid(UserId{id})) ids.emplace_back(id);
  }
  std::vector<std::string> names;
  for (const std::string& name : request.names()) {
    if (check_name(name)) names.push_back(name);  // nobody has another one
  }
  PARLEY_TRY(const auto profiles, users.profiles(ids, names));
  wire::FindReply reply;
  for (const Profile& profile : profiles) {
    wire::Profile& out = *reply.add_profiles();
    out.set_user(profile.id.value);
    out.set_name(profile.name);
    out.set_nickname(profile.nickname);
  }
  return answer_with(reply);
}

}  // namespace

Service make_login_service(const ServiceDeps& deps) {
  const auto password = std::make_shared<PasswordLogin>(deps.users, deps.hasher, deps.login);
  const auto token = std::make_shared<TokenLogin>(deps.users, deps.login);

  Service service(ServiceId::login);
  service.on_each<wire::RegisterRequest>(
      Verb::login_register, Lane::hashing, allow_anyone,
      [password](const auto& request, const Moment& at) { return password->sign_up(request, at); });
  service.on_each<wire::PasswordRequest>(
      Verb::login_password, Lane::hashing, allow_anyone,
      [password](const auto& request, const Moment& at) { return password->log_in(request, at); });
  service.on_each<wire::TokenRequest>(Verb::login_token, Lane::sessions, allow_anyone,
                                      [token](const auto& request, const Moment& at) {
                                        return token->by_access_token(request, at);
                                      });
  service.on_each<wire::ResumeRequest>(Verb::login_resume, Lane::sessions, allow_anyone,
                                       [token](const auto& request, const Moment& at) {
                                         return token->by_device_token(request, at);
                                       });
  service.on_each<wire::LogoutRequest>(
      Verb::login_logout, Lane::sessions, allow_user,
      [token](const auto& request, const Moment&) { return token->log_out(request); });
  service.on_each<wire::FindRequest>(Verb::login_find, Lane::sessions, allow_user,
                                     [&users = deps.users](const auto& request, const Moment&) {
                                       return find(users, request.body);
                                     });
  return service;
}

}  // namespace parley
