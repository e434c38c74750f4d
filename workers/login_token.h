// login.token, login.resume, login.logout: coming back and leaving without a password. No hashing
// of passwords, three round trips to the database at most.
//
// A device token is used once. Its successor is a function of it and of its family's secret, so
// that the same token shown again within 60 s (the reply may have been lost) gives the same
// successor; later somebody else has it: the device is revoked, and whoever is the thief has
// nothing.
#pragma once

#include "proto/login.pb.h"
#include "store/user_store.h"
#include "workers/login_welcome.h"

namespace parley {

class TokenLogin {
 public:
  TokenLogin(UserStore& users, const LoginOptions& options) : users_(users), options_(options) {}

  Response by_access_token(const Request<wire::TokenRequest>& request, const Moment& moment);
  Response by_device_token(const Request<wire::ResumeRequest>& request, const Moment& moment);
  Response log_out(const Request<wire::LogoutRequest>& request);

 private:
  Response rotate(const DeviceRecord& record, const Token& token, const Moment& moment);
  Response lost_race(const Token& token, const Moment& moment);
  Response repeat(const DeviceRecord& record, const Token& token, const Moment& moment);
  Result<Generation> touch(const DeviceRecord& record, const Token& access_token,
                           const Moment& moment);
  Response revoke_stolen(const DeviceRecord& record);
  Response finish(const DeviceRecord& record, Generation generation, const Token& access_token,
                  std::optional<Token> device_token, const Moment& moment);

  UserStore& users_;
  LoginOptions options_;
};

}  // namespace parley
