// What handlers get and return: values. A handler cannot send anything itself; that is what keeps
// the order store → answer → deliver: answers leave after it has returned, deliveries after the
// answers.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "proto/envelope.h"
#include "proto/verbs.h"

namespace parley {

// Time as a handler sees it: it stands still until what it was given is done.
struct Moment {
  Instant now;
  std::int64_t wall_ms = 0;  // since 1970 UTC; for people and for tokens' expiry
};

// One request of a batch: its session is authorised, its body is valid protobuf within its limit.
template <typename Message>
struct Request {
  const EnvelopeHeader& header;
  const Message& body;
};

// The answer to a request that succeeded.
struct Answer {
  std::string body;  // the reply message, encoded
  // The rest is for logins and logouts: what the gateway makes of the session (envelope.h).
  std::uint8_t flags = 0;
  UserId user = {};
  DeviceId device = {};
  Generation generation = {};
  std::uint64_t target = 0;
};

// Who gets a delivery.
enum class Reach : std::uint8_t {
  gateways_of_users,  // the gateways that hold connections of its users
  every_gateway,      // all of them, by every broker: for what gateways themselves must hear
  everyone            // all of them, by one broker: for everybody who is connected; it has no users
};

// A notice, for some users. A hint: it may be lost, and is then found in the log.
struct Delivery {
  Notice notice;
  Reach reach = Reach::gateways_of_users;
  std::uint64_t key = 0;  // deliveries with the same key arrive in order
  std::uint64_t target = 0;
  DeviceId skip_device = {};  // a device of users[0] that is left out; 0 = none
  std::vector<UserId> users = {};
  std::string body = {};  // the notice message, encoded
  std::uint64_t trace = 0;  // of the request that caused it
};

// The outcome of a batch: one answer for each request, in order.
struct Outcome {
  std::vector<Result<Answer>> answers;
  std::vector<Delivery> deliveries;
};

// The outcome of a single request. Converts from what a handler naturally returns.
struct Response {
  Result<Answer> answer;
  std::vector<Delivery> deliveries;

  Response(Answer value, std::vector<Delivery> sent = {})
      : answer(std::move(value)), deliveries(std::move(sent)) {}
  Response(tl::unexpected<Error> error, std::vector<Delivery> sent = {})
      : answer(std::move(error)), deliveries(std::move(sent)) {}
};

template <typename Message>
Answer answer_with(const Message& reply) {
  return Answer{.body = reply.SerializeAsString()};
}

}  // namespace parley
