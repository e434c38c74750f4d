// A gateway's or worker's connection to one broker: a DEALER of its own, its monitor, and the BrokerLink that
// judges them. When the broker is lost the socket is closed and a new one with a new identity takes its
// place, so that nothing of the former life can arrive in the next. Thread: the loop's.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/loop.h"
#include "base/result.h"
#include "bus/broker_link.h"
#include "bus/uv_socket.h"
#include "proto/envelope.h"

namespace parley {

class BrokerConnection {
 public:
  // What to do with messages that wait unread when the connection is lost.
  enum class AtLoss { read, drop };
  struct Options {
    std::string endpoint;
    char identity_letter;       // of fresh_identity()
    std::string registration;   // encoded RegisterPeer
    InstanceId instance;
    std::optional<BootId> boot;  // nothing: a new one for each connection
    // Messages that wait because ZeroMQ takes no more; more: send() drops the newest and says so. Unsent
    // ones are dropped with the connection.
    std::size_t outbox_max;
    AtLoss at_loss;
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

  // Goes out before the loop blocks. False: the outbox is full, nothing was taken.
  bool send(std::string bytes);
  // Stays as it is now, but if it is not registered it will not be.
  void register_no_more();
  // Says BYE behind everything that was sent, and falls silent: no handler is called any more. What ZeroMQ
  // has taken may go out for `linger` after destruction.
  void leave(Duration linger);

  bool is_up() const { return link_.is_up(); }
  bool is_registered() const { return link_.is_registered(); }
  std::uint64_t broker() const { return link_.broker(); }
  // Counts connections; answers for an earlier one are of no use.
  std::uint64_t epoch() const { return epoch_; }
  std::size_t outbox_size() const { return outbox_.size(); }
  const std::string& endpoint() const { return options_.endpoint; }

 private:
  void open();
  bool read_one(ZmqSocket& socket);
  void take(std::string_view bytes);
  bool flush(ZmqSocket& socket);
  void lose();
  void tick();
  void perform(BrokerLink::Step step);
  void register_us();

  Loop& loop_;
  ZmqContext& context_;
  Options options_;
  Handlers handlers_;
  BrokerLink link_;
  BootId boot_;
  std::uint64_t epoch_ = 0;
  std::deque<std::string> outbox_;
  ZmqMessage incoming_;
  std::string outgoing_;
  bool reopen_ = false;
  bool may_register_ = true;
  bool left_ = false;
  std::unique_ptr<UvSocket> socket_;
  std::unique_ptr<UvSocket> monitor_;
  Timer ticks_;
  Timer reopening_;
};

}  // namespace parley
