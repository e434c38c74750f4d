// A gateway's or worker's connection to one broker: a DEALER of its own, its monitor, and the ConnectionCore
// that decides what they do. When the broker is lost the socket is closed and a new one with a new identity takes its
// place, so that nothing of the former life can arrive in the next. Thread: the loop's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/loop.h"
#include "base/random.h"
#include "base/result.h"
#include "bus/connection_core.h"
#include "bus/endpoint.h"
#include "bus/uv_socket.h"
#include "proto/envelope.h"

namespace parley {

class BrokerConnection {
 public:
  // What to do with messages that wait unread when the connection is lost.
  enum class AtLoss { read, drop };
  struct Options {
    BusEndpoint endpoint;
    char identity_letter;       // of fresh_identity()
    std::string registration;   // encoded RegisterPeer
    InstanceId instance;
    std::optional<BootId> boot;  // nothing: a new one for each connection
    std::size_t outbox_max;      // connection_core.h
    AtLoss at_loss;
    // What the registration says of deliveries; credit for them is granted here.
    DeliveryWindow deliveries = {};
    int send_hwm = 1'000;
    int receive_hwm = 50'000;  // unread; more waits at the broker, within its bounds
  };
  struct Handlers {
    std::function<void()> on_up;
    std::function<void()> on_leaving;
    std::function<void()> on_down;
    // Everything that is not the link's own business.
    std::function<void(const EnvelopeHeader&, std::string bytes)> on_message;
    std::function<bool()> is_alive = [] { return true; };
  };

  BrokerConnection(Loop& loop, ZmqContext& context, Options options, Handlers handlers);

  // Goes out before the loop blocks. False: so many wait already (at most outbox_max), nothing was taken.
  bool send(std::string bytes, std::size_t waiting_max);
  bool send(std::string bytes) { return send(std::move(bytes), options_.outbox_max); }
  // Stays as it is now, but if it is not registered it will not be.
  void register_no_more();
  // Says BYE behind everything that was sent, and falls silent: no handler is called any more. What ZeroMQ
  // has taken may go out for `linger` after destruction.
  void leave(Duration linger);

  bool is_up() const { return core_.is_up(); }
  std::uint64_t broker() const { return core_.broker(); }

 private:
  void open();
  bool read_one(ZmqSocket& socket);
  void take(std::string bytes);
  bool flush(ZmqSocket& socket);
  void lose();
  void on_refused();
  void tick();
  void perform(ConnectionCore::Change change);

  Loop& loop_;
  ZmqContext& context_;
  Options options_;
  Handlers handlers_;
  ConnectionCore core_;
  ZmqMessage incoming_;
  std::string batch_;
  std::unique_ptr<UvSocket> monitor_;  // outlives the socket (ZmqSocket::monitor)
  std::unique_ptr<UvSocket> socket_;
  Random random_;
  std::optional<Instant> refusal_told_;
  bool left_ = false;
  Timer ticks_;
  Timer reopening_;
};

}  // namespace parley
