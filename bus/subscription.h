// Following events (proto/event.proto): when to subscribe, when to pull, which event is handed over next, what
// is acknowledged. Pure; the shell is event_feed.h.
//
//   state       | what happens                       | next
//   ------------+------------------------------------+--------------------------------------------------------
//   Waiting     | its time comes; news; connected    | Asking: subscribe if there is no cursor, else pull from it
//   Asking      | subscribed                         | Asking: pull
//               | a page with events                 | Handing: its first event
//               | a page without                     | Waiting for poll_every; `more`: Asking
//               | not_found, bad_request to a pull   | Waiting, without a cursor: the server's word holds
//               | any other error                    | Waiting, as long as the hint says, with jitter
//   Handing     | the event is done                  | Handing the next; after the last: Asking
//               | the event failed                   | Waiting, then Handing the same again
//   any other event is ignored, but that there is news is remembered.
//
// A pull's cursor acknowledges all before it: so an event is acknowledged only when it and all before it are done, and
// comes again after a death before that. Events come in the order of their cursors, each at least once.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "proto/event.pb.h"

namespace parley {

class Subscription {
 public:
  struct Options {
    std::vector<wire::EventKind> kinds;
    std::uint32_t page = 100;      // 1 … 500 events
    Duration poll_every = 5s;      // a hint may have been lost
    Duration backoff_base = 250ms;
    Duration backoff_cap = 10s;
  };

  // -- what it wants done; the answer comes back by on_subscribed, on_page, on_failed
  struct Subscribe {
    wire::SubscribeRequest request;
  };
  struct Pull {
    wire::EventPullRequest request;
  };
  // -- answered by on_done or on_event_failed
  struct Hand {
    wire::Event event;
  };
  // Events up to this cursor were not kept for us: we were away for too long.
  struct Lost {
    std::uint64_t before;
  };
  using Action = std::variant<Subscribe, Pull, Hand, Lost>;

  Subscription(Options options, std::uint64_t seed)
      : options_(std::move(options)), random_(seed), state_(Waiting{}) {}

  void on_subscribed(const wire::SubscribeReply& reply);
  void on_page(wire::EventPullReply reply, Instant now);
  void on_failed(const Error& error, Instant now);
  void on_done();
  void on_event_failed(Instant now);
  // There is an event with this cursor. Or: hints may have been missed.
  void on_news(std::uint64_t cursor);
  void on_connected();
  void on_tick(Instant now);
  // Ends with the event that is being handed over; what is done is acknowledged by a last pull.
  void stop();
  bool is_stopped() const { return std::holds_alternative<Stopped>(state_); }

  std::vector<Action> take_actions() { return std::exchange(actions_, {}); }
  // Acknowledged, or will be by the next pull; nothing: not subscribed.
  std::optional<std::uint64_t> cursor() const { return cursor_; }

 private:
  struct Waiting {
    Instant until = {};
  };
  struct Asking {};
  struct Handing {};
  struct Stopped {};

  void ask();
  void hand();
  void wait(Duration pause, Instant now);

  Options options_;
  Random random_;
  std::variant<Waiting, Asking, Handing, Stopped> state_;
  std::optional<std::uint64_t> cursor_;
  std::deque<wire::Event> page_;  // not done yet; at most options_.page
  std::uint64_t after_page_ = 0;  // the cursor when all of it is done
  bool has_news_ = false;
  bool is_stopping_ = false;
  unsigned failures_ = 0;  // in a row
  std::vector<Action> actions_;
};

}  // namespace parley
