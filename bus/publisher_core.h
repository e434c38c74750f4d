// What a publisher knows: which requests are unanswered, at which broker each is, and what to do when a broker
// comes, drains or dies. Pure. Bounded by Options::pending_max and pending_bytes_max (publish() refuses).
//
// Order: the unanswered requests of one key stand in a lane, all at one broker. While it has something
// there, newer ones follow, even if another broker would now be the key's first choice. When the broker
// dies the lane goes to the next, in order, under the same request ids. When it drains, what it accepted is
// answered first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "bus/share_of_apps.h"
#include "bus/slab_map.h"
#include "proto/envelope.h"

namespace parley {

class PublisherCore {
 public:
  struct Options {
    InstanceId instance;
    BootId boot;
    std::size_t brokers = 1;
    std::size_t pending_max = 20'000;
    std::size_t pending_bytes_max = 64 << 20;
    Duration request_timeout = 10s;
    Duration republish_after = 4s;  // unanswered so long: the answer may have been lost
    std::uint32_t retry_hint_ms = 200;
  };
  struct Send {
    std::size_t broker;
    std::string bytes;
  };
  struct Expired {
    EnvelopeHeader header;  // a reply with retry_later
  };
  struct Counters {
    std::uint64_t published = 0;
    std::uint64_t republished = 0;
    std::uint64_t late_replies = 0;
    std::uint64_t expired = 0;
    std::uint64_t refused = 0;
  };

  explicit PublisherCore(Options options);

  // Takes a request over. retry_later: a bound is reached, or by apps their half of it.
  // too_large: larger than limits::envelope_max.
  Result<std::uint64_t> publish(EnvelopeHeader header, std::string_view body, Instant now);
  // Whether a request waits for this reply; then it is answered and forgotten, else the reply is late.
  bool on_reply(const EnvelopeHeader& header, Instant now);
  // A draining broker did not take the request; of no meaning if it has gone to another one since.
  void on_refused(std::size_t broker, const RequestId& id, Instant now);

  // `name`: hash of the broker's lasting name.
  void on_up(std::size_t broker, std::uint64_t name, Instant now);
  void on_leaving(std::size_t broker);
  void on_down(std::size_t broker, Instant now);
  void on_tick(Instant now);

  // What is to be sent, and which requests' time is up, since the last call.
  std::vector<Send> take_sends() { return std::exchange(sends_, {}); }
  std::vector<Expired> take_expired() { return std::exchange(expired_, {}); }

  std::size_t pending() const { return pending_.size(); }
  std::size_t pending_bytes() const { return pending_bytes_; }
  const Counters& counters() const { return counters_; }

 private:
  static constexpr std::size_t no_broker = SIZE_MAX;
  enum class Health : std::uint8_t { down, up, leaving };
  struct BrokerState {
    Health health = Health::down;
    std::uint64_t name = 0;
  };
  struct Pending {
    std::string bytes;
    Instant deadline;
    Instant sent_at;
    bool is_for_app = false;
    bool sent = false;  // to its lane's broker
    SlabIndex lane = no_index;
    SlabLinks in_all;
    SlabLinks in_lane;
  };
  struct Lane {
    std::size_t broker = no_broker;
    std::size_t sent = 0;
    SlabList<&Pending::in_lane> requests;
  };

  std::size_t choose(std::uint64_t key) const;
  void place(SlabIndex at, Instant now);
  void send(SlabIndex at, Instant now);
  void send_waiting(SlabIndex lane, Instant now);
  void settle(SlabIndex at, Instant now);
  void move_if_free(SlabIndex lane, Instant now);

  Options options_;
  std::vector<BrokerState> brokers_;
  SlabMap<std::uint64_t, Pending> pending_;  // by number
  SlabMap<std::uint64_t, Lane> lanes_;       // by key
  SlabList<&Pending::in_all> all_;           // by age
  std::size_t pending_bytes_ = 0;
  ShareOfApps for_apps_;  // of the pending
  std::uint64_t last_number_ = 0;
  std::vector<Send> sends_;
  std::vector<Expired> expired_;
  Counters counters_;
};

}  // namespace parley
