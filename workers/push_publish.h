// push.publish: a business system speaks to users (proto/push.proto). Stored: through the publisher's
// service account, a user like any other, but that nobody can log in as or register (account_rules.h).
// Online only: to the gateways that the route cache names; nothing is asked of the database.
#pragma once

#include <string>

#include "proto/push.pb.h"
#include "store/route_store.h"
#include "workers/lru.h"
#include "workers/password_hash.h"
#include "workers/poster.h"

namespace parley {

class PushPublisher {
 public:
  PushPublisher(LogStore& log, UserStore& users, RouteStore& routes, const PasswordHasher& hasher)
      : users_(users),
        routes_(routes),
        hasher_(hasher),
        book_(log, users),
        poster_(log, book_),
        accounts_(accounts_max) {}

  Response publish(const Request<wire::PublishRequest>& request, const Moment& moment);

 private:
  static constexpr std::size_t accounts_max = 1'000;  // the longest unused is asked for again

  Response store(const wire::PublishRequest& asked, const Moment& moment);
  Response send_to_users(const wire::PublishRequest& asked, std::uint64_t target);
  // conflict: a publisher whose name differs in case only has it.
  Result<UserId> service_account(const std::string& publisher);
  Result<UserId> found_or_made(const std::string& publisher);

  UserStore& users_;
  RouteStore& routes_;
  const PasswordHasher& hasher_;
  ConversationBook book_;
  Poster poster_;
  Lru<std::string, UserId> accounts_;
};

}  // namespace parley
