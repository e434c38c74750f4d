// The way between one peer and one broker: a DEALER that connects again and again, and the connection that it
// has to a ROUTER, as ZeroMQ over ipc or TCP behaves. A connection keeps order and loses nothing until it
// breaks; then an arbitrary tail of what was on its way is gone, in either direction, and each end learns of it
// in its own time. A clogged direction delays everything until it is free again (packets are repeated), and
// whoever waits there learns of no end. Beyond ZeroMQ, a link may bring an envelope twice.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/node.h"

namespace parley::sim {

enum Way : std::size_t { up = 0, down = 1 };  // peer → broker, broker → peer
inline constexpr Way other(Way way) { return way == up ? down : up; }

struct Connection {
  struct Packet {
    std::string bytes;
    Instant arrival;  // Instant::max(): stuck
  };
  std::string identity;
  std::array<std::deque<Packet>, 2> pipes;
  std::array<Instant, 2> last_arrival{};
  bool broken = false;                 // what is sent now goes nowhere
  bool mute = false;                   // nothing of what the broker says arrives
  std::array<bool, 2> ended{};         // the receiver of that way knows that it is over
};
using ConnectionPtr = std::shared_ptr<Connection>;

// The two processes at the ends, as a link sees them.
class DealerEnd {
 public:
  virtual ~DealerEnd() = default;
  virtual void on_connected() = 0;
  virtual void on_disconnected() = 0;
};
class Link;
class RouterEnd {
 public:
  virtual ~RouterEnd() = default;
  virtual void attach(Link& link, const ConnectionPtr& connection) = 0;
  virtual void detach(const ConnectionPtr& connection) = 0;
};

class Link {
 public:
  enum class Sent { sent, full };
  enum class Close { at_once, when_sent };

  Link(Universe& universe, Node& peer, Node& broker, RouterEnd& router)
      : universe_(universe), peer_(peer), broker_(broker), router_(router) {}

  // -- the peer's side: a new socket; the former is closed at once
  void open(DealerEnd& end, std::string identity);
  void close(Close how);
  Sent send_up(std::string bytes);
  std::optional<std::string> receive_down();

  // -- the broker's side
  void send_down(const ConnectionPtr& connection, std::string bytes);
  std::optional<std::string> receive_up(Connection& connection) { return receive(connection, up); }

  // -- what happens to it
  void on_peer_ended();
  void on_broker_ended();
  void cut();
  void clog(Way way);
  void free(Way way);
  bool clogged(Way way) const { return clogs_[way] > 0; }
  // From now on so many of the envelopes that may arrive twice (README.md) do: the second behind the first, at
  // once or later, and not at all once the connection is broken. Zero: what has not arrived again does not.
  void repeat(std::uint64_t per_thousand) { repeats_per_thousand_ = per_thousand; }

  Node& peer() { return peer_; }
  Node& broker() { return broker_; }

 private:
  void attempt(std::uint64_t opening);
  void establish();
  void send(const ConnectionPtr& connection, Way way, std::string bytes);
  void send_again(const ConnectionPtr& connection, Way way, std::string_view envelope);
  void push(Connection& connection, Way way, std::string bytes);
  std::optional<std::string> receive(Connection& connection, Way way);
  void lose_tail(Connection& connection, Way way);
  void tell(const ConnectionPtr& connection, Way way);
  bool is_stuck(const Connection& connection, Way way) const {
    return clogged(way) || (way == down && connection.mute);
  }
  Node& receiver(Way way) { return way == up ? broker_ : peer_; }

  Universe& universe_;
  Node& peer_;
  Node& broker_;
  RouterEnd& router_;
  DealerEnd* end_ = nullptr;
  std::string identity_;
  std::uint64_t openings_ = 0;
  ConnectionPtr connection_;
  std::array<int, 2> clogs_{};
  std::uint64_t repeats_per_thousand_ = 0;
  std::array<std::vector<ConnectionPtr>, 2> untold_;  // whose end cannot be seen while clogged
};

}  // namespace parley::sim
