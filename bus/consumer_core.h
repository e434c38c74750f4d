// What a consumer knows: which brokers it is registered at, how many of their requests are unanswered, which
// broker a delivery goes through, whether an answer is still of use, and when it is drained. Pure. Bounded:
// what waits for a broker by outbox_max(); unanswered requests by the credit that was granted.
//
// An answer is of use only on the registration that its request came over: when that is lost the broker has
// given the request to somebody else, and the answer is dropped here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "bus/absent_gateways.h"
#include "bus/bus_request.h"
#include "bus/recent_deliveries.h"
#include "proto/envelope.h"

namespace parley {

class ConsumerCore {
 public:
  struct Options {
    std::size_t brokers = 1;
    std::uint32_t credit_messages = 1'024;
    // Deliveries are hints: when so many messages wait for a broker the newest delivery is dropped, so
    // that the rest of its outbox is for replies, which credit bounds.
    std::size_t waiting_deliveries_max = 8'192;
  };
  enum class What { reply, delivery, control };
  struct Send {
    std::size_t broker;
    What what;
    std::string bytes;
    std::size_t waiting_max;  // when so many wait already it is dropped
  };

  explicit ConsumerCore(Options options);

  // `name`: hash of the broker's lasting name.
  void on_up(std::size_t broker, std::uint64_t name);
  // What was lately delivered through it is delivered again through another.
  void on_down(std::size_t broker, Instant now);
  BusRequest on_request(std::size_t broker, const EnvelopeHeader& header, std::string body);

  // Fills in kind, id, verb, trace. False: the answer is of no use any more. Requires: answered the first time.
  bool reply(const BusRequest& request, EnvelopeHeader header, std::string_view body);
  // False: there is no broker.
  bool deliver(InstanceId gateway, std::uint64_t key, std::string_view items, Instant now);
  // A broker does not know that gateway: its items are delivered again through another one. False: no
  // broker knows it.
  bool on_unreachable(std::size_t broker, const EnvelopeHeader& header, std::string_view items,
                      Instant now);
  void announce(std::string_view items);

  // Tells the brokers to send nothing new, those that register us only now, too.
  void drain(Instant until);
  bool is_draining() const { return drain_until_.has_value(); }
  // Whether everything was answered (and `idle`), or the time is up. Requires: is_draining().
  bool is_drained(bool idle, Instant now) const;

  std::vector<Send> take_sends() { return std::exchange(sends_, {}); }
  // How many messages may wait for one broker.
  std::size_t outbox_max() const;
  std::size_t unanswered(std::size_t broker) const { return links_[broker].unanswered; }

 private:
  struct Link {
    bool registered = false;
    std::uint64_t epoch = 0;  // counts registrations
    std::uint64_t name = 0;
    std::size_t unanswered = 0;  // of the present epoch
    RecentDeliveries recent = {};
    AbsentGateways absent = {};
  };

  enum class Among { all, those_that_may_know_it };
  std::optional<std::size_t> choose(InstanceId gateway, std::uint64_t key, Among among,
                                    Instant now) const;
  bool deliver(RecentDeliveries::Sent delivery, Instant now);
  void send(std::size_t broker, What what, std::string bytes);
  void say_drain(std::size_t broker);

  Options options_;
  std::vector<Link> links_;
  std::optional<Instant> drain_until_;
  std::vector<Send> sends_;
};

}  // namespace parley
