// Requests of one connection: numbered, at most `in_flight_max` unanswered, each with a deadline. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "client/action.h"
#include "proto/verbs.h"

namespace parley::client {

// Whom an answer concerns.
struct ForSend {
  ClientMessageId id;
};
struct ForReceipt {
  ConversationId conversation;
};
struct ForPull {
  ConversationId conversation;
};
struct ForList {};
struct ForLogout {
  Answer answer;
};
struct ForCaller {
  Answer answer;
};
using Purpose = std::variant<ForSend, ForReceipt, ForPull, ForList, ForLogout, ForCaller>;

struct Request {
  Verb verb;
  std::uint64_t target = 0;
  std::string body{};
  Purpose purpose;
};

struct RequestLimits {
  std::size_t in_flight_max = 64;  // the server's bound: more is rate_limited. At least 1.
  std::size_t waiting_max = 1024;  // beyond it add() refuses with retry_later
  Duration answer_within = 12s;    // from add() on
};

class RequestTable {
 public:
  explicit RequestTable(const RequestLimits& limits) : limits_(limits) {}

  // What the server has said at login; 0 keeps ours. Never more than our own limit.
  void server_allows(std::size_t in_flight);

  // Takes a request; take_ready hands it out when the window has room.
  Status add(Request request, Instant now);
  std::optional<Transmit> take_ready();
  // How many may be unanswered.
  std::size_t window() const { return window_; }
  // How many more could be handed out at once.
  std::size_t room() const;

  // The request with this number is answered. Nothing: it is not ours, or its deadline has passed.
  std::optional<Purpose> complete(std::uint32_t number);

  struct Expired {
    Purpose purpose;
    std::optional<Instant> sent;  // nothing: it never left
  };
  // Takes out what has waited too long.
  std::vector<Expired> expire(Instant now);
  // Takes out everything: the connection is gone.
  std::vector<Purpose> take_all();
  std::optional<Instant> next_deadline() const;

 private:
  struct Pending {
    std::uint32_t number;
    Instant added;
    Purpose purpose;
  };
  struct Waiting {
    Instant added;
    Request request;
  };
  RequestLimits limits_;
  std::size_t window_ = limits_.in_flight_max;
  std::uint32_t last_number_ = 0;
  // Both ascending in `added`. In flight is at most a window's length, mostly answered from the front:
  // searching it beats a hash table.
  std::deque<Pending> in_flight_;
  std::deque<Waiting> waiting_;
};

}  // namespace parley::client
