// A DEALER and as little around it as ZeroMQ allows: the peers of bar 3, in front of a broker and in
// front of zmq_proxy. It speaks the bus's wire by itself, so that what is measured is the broker and
// not our own ends of the bus.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "bus/curve.h"

namespace parley::perf {

// Sockets of one process. Destroy it after its sockets.
class ZeroMq {
 public:
  ZeroMq();
  ~ZeroMq();
  ZeroMq(const ZeroMq&) = delete;
  ZeroMq& operator=(const ZeroMq&) = delete;
  void* raw() const { return context_; }

 private:
  void* context_;
};

class Dealer {
 public:
  // What has arrived. `route`: the frame before the last, which zmq_proxy puts there for workers;
  // from a broker there is none.
  struct Message {
    std::string route;
    std::string bytes;
  };

  // `curve`: encrypted, by whom and to whom.
  Dealer(ZeroMq& zmq, const std::string& endpoint, const std::optional<CurveClient>& curve);

  // False: nothing waits.
  bool receive(Message& into);
  // Asserts that there is room: the load itself is bounded.
  void send(std::string_view route, std::string_view bytes);
  // A connection exists, so that what is sent goes there.
  bool is_connected() const;

 private:
  friend bool wait_readable(std::span<Dealer*> dealers, int stop_fd, Duration limit);
  struct Close {
    void operator()(void* socket) const;
  };
  std::unique_ptr<void, Close> socket_;
};

// Waits until one of them has something, at most `limit`. True: `stop_fd` (-1: none) has.
bool wait_readable(std::span<Dealer*> dealers, int stop_fd, Duration limit);

}  // namespace parley::perf
