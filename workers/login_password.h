// login.register and login.password: the two verbs that hash. Nothing tells an unknown name from a
// wrong password: neither code nor text nor time.
#pragma once

#include "proto/login.pb.h"
#include "store/user_store.h"
#include "workers/login_throttle.h"
#include "workers/login_welcome.h"
#include "workers/password_hash.h"

namespace parley {

class PasswordLogin {
 public:
  PasswordLogin(UserStore& users, const PasswordHasher& hasher, const LoginOptions& options);

  // A repetition of a registration that another worker carried out, but could not answer any more,
  // gets that one's answer.
  Response sign_up(const Request<wire::RegisterRequest>& request, const Moment& moment);
  Response log_in(const Request<wire::PasswordRequest>& request, const Moment& moment);

 private:
  Duration wait_for_login(const std::string& name, std::uint64_t origin, const Moment& moment);
  // The account if name and password belong together; refused otherwise.
  Result<Account> verified(const std::string& name, const std::string& password);
  Result<UserId> create(const Request<wire::RegisterRequest>& request, const Moment& moment);
  // The account of this name if its password is this one; conflict otherwise.
  Result<UserId> created_before(const Request<wire::RegisterRequest>& request,
                                const Moment& moment);
  void refresh_hash(const Account& account, std::string_view password);
  Response start_session(const Account& account, const DeviceIdentity& device,
                         const Moment& moment);

  UserStore& users_;
  const PasswordHasher& hasher_;
  LoginOptions options_;
  LoginThrottle throttle_;
  OriginBudget registrations_;
  OriginBudget logins_;
};

}  // namespace parley
