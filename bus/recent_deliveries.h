// What a worker sent through one broker within the last two seconds. A broker that dies, or hangs
// until it is given up (1.5 s), takes with it what it had not passed on: it is then sent again
// through another. So gateways may see a delivery twice, never out of order. Pure. Bounded: beyond,
// the oldest is forgotten.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/ids.h"

namespace parley {

class RecentDeliveries {
 public:
  struct Sent {
    InstanceId gateway;
    std::uint64_t key;
    std::string bytes;  // the envelope
    Instant at;
  };

  void add(Sent sent, Instant now) {
    forget_old(now);
    bytes_ += sent.bytes.size();
    sent_.push_back(std::move(sent));
    while (sent_.size() > messages_max || bytes_ > bytes_max) forget_first();
  }
  // In the order of sending; nothing is kept. What came from another broker that was lost is as old as it
  // was there, and may stand behind what is younger: else it would go from one to the next for ever.
  std::deque<Sent> take(Instant now) {
    bytes_ = 0;
    std::deque<Sent> taken = std::exchange(sent_, {});
    std::erase_if(taken, [&](const Sent& sent) { return is_old(sent, now); });
    return taken;
  }

 private:
  static constexpr Duration keep = 2s;
  static constexpr std::size_t messages_max = 16'384;
  static constexpr std::size_t bytes_max = 8 << 20;

  static bool is_old(const Sent& sent, Instant now) { return now - sent.at > keep; }
  void forget_old(Instant now) {
    while (!sent_.empty() && is_old(sent_.front(), now)) forget_first();
  }
  void forget_first() {
    bytes_ -= sent_.front().bytes.size();
    sent_.pop_front();
  }

  std::deque<Sent> sent_;
  std::size_t bytes_ = 0;
};

}  // namespace parley
