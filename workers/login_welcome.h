// What every successful login ends with: the reply that binds the session, and the word to all
// gateways that older sessions of the same device class are over (one session per class; the newer
// one wins).
#pragma once

#include <optional>
#include <string>

#include "proto/login.pb.h"
#include "workers/login_options.h"
#include "workers/outcome.h"
#include "workers/tokens.h"

namespace parley {

struct DeviceIdentity {
  DeviceId id;
  std::uint8_t device_class = 0;
};

// bad_request: no id, or a class that we do not know.
Result<DeviceIdentity> device_of(const wire::Device& device);

struct LoggedIn {
  UserId user;
  std::string name;
  std::string nickname;
  DeviceIdentity device;
  Generation generation;
  Token access_token{};
  std::optional<Token> device_token;  // nothing: the client keeps the one it has
};

Response welcome(const LoggedIn& login, const LoginOptions& options, const Moment& moment);

// Ends the sessions of a device up to a generation, wherever they are.
Delivery revocation(UserId user, DeviceId device, Generation up_to);

}  // namespace parley
