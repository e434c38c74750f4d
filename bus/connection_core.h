// What a peer's connection to one broker decides beyond BrokerLink: what waits to be sent and what is dropped,
// when to register and when no more, when a new socket is due. Pure; the shell is broker_connection.h. Bounded by
// Options::outbox_max.
//
// Inputs return what became of the connection. At `down` nothing is taken in any more until on_opened(): the
// shell tells its owner and opens a new socket in its loop's next turn.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/ids.h"
#include "bus/broker_link.h"
#include "bus/delivery_meter.h"
#include "proto/envelope.h"

namespace parley {

class ConnectionCore {
 public:
  using Change = BrokerLink::Change;
  struct Options {
    std::string registration;  // encoded RegisterPeer
    InstanceId instance;
    // Messages that wait because the socket takes no more; more: send() drops the newest and says so.
    // Unsent ones are dropped with the connection.
    std::size_t outbox_max;
    // Whether the process still does its work. If not it must look dead: it neither registers nor answers.
    std::function<bool()> is_alive;
    LinkOptions link = {};
    // What the registration says of deliveries. One that was handed to the owner is dealt with.
    DeliveryWindow deliveries = {};
  };
  struct Received {
    Change change = Change::none;
    bool for_owner = false;  // it came over a registered connection
  };

  ConnectionCore(Options options, std::uint64_t seed)
      : options_(std::move(options)), link_(options_.link, seed), meter_(options_.deliveries) {}

  // A new socket takes the place of the former. `boot`: of this life of the peer, or of this connection.
  Change on_opened(BootId boot, Instant now);
  Change on_connected();
  Change on_disconnected();
  Received on_message(const Envelope& envelope, Instant now);
  // About every 100 ms, after the socket was drained: silence is judged here.
  Change on_tick(Instant now);

  // False: so many wait already (at most outbox_max), nothing was taken.
  bool send(std::string bytes, std::size_t waiting_max);
  bool send(std::string bytes) { return send(std::move(bytes), options_.outbox_max); }
  // What is to be sent, oldest first. The shell takes off the front what the socket took.
  std::deque<std::string>& outbox() { return outbox_; }

  // Stays as it is now, but if it is not registered it will not be.
  void register_no_more();
  // Says BYE behind everything that waits, and falls silent: every later input is ignored.
  void leave();

  bool is_up() const { return link_.is_up(); }
  bool is_registered() const { return link_.is_registered(); }
  std::uint64_t broker() const { return link_.broker(); }
  bool needs_socket() const { return needs_socket_; }
  std::optional<std::uint16_t> take_refusal() { return link_.take_refusal(); }

 private:
  // `asked`: the id of what made it so; a pong repeats that of its ping.
  Change perform(BrokerLink::Step step, const RequestId& asked = {});
  void register_us();
  void grant(std::optional<DeliveryMeter::Grant> grant);

  Options options_;
  BrokerLink link_;
  DeliveryMeter meter_;
  BootId boot_ = {};
  std::deque<std::string> outbox_;
  bool needs_socket_ = true;
  bool said_who_we_are_ = false;  // on this socket; while it waits in the outbox, not yet
  bool may_register_ = true;
  bool left_ = false;
};

}  // namespace parley
