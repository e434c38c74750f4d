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

  Response sign_up(const Request<wire::RegisterRequest>& request, const Moment& moment);
  Response log_in(const Request<wire::PasswordRequest>& request, const Moment& moment);

 private:
  // The account if name and password belong together; refused otherwise.
  Result<Account> verified(const wire::PasswordRequest& request);
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
