// How many messages a client may have unanswered: additive increase, multiplicative decrease, as in TCP. A server
// that refuses one because it is busy halves it; then each window of messages taken widens it by one, up to
// what both sides allow. So many clients that want more than a server can do find their shares, and what
// it cannot do waits with them, instead of travelling there to be refused. Unlike TCP's, a window has no
// news of a message without answer: deadlines and pauses of many seconds are slow enough. Pure.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/error.h"

namespace parley::client {

class CongestionWindow {
 public:
  // Begins wide open, since most servers are not busy. Requires: max >= 1.
  explicit CongestionWindow(std::size_t max);

  // From 1 to max.
  std::size_t size() const { return size_; }
  std::size_t unanswered() const { return unanswered_; }
  bool has_room() const { return unanswered_ < size_; }

  // The ordinal of a sending, to be given back with what becomes of it, once.
  using Ticket = std::uint64_t;
  Ticket sent();
  void taken(Ticket ticket);
  // retry_later: the server is busy, which is news unless the message was sent before the client last heard it.
  // Any other error says nothing of that.
  void failed(Ticket ticket, Errc code);
  // Nobody will say what became of it, or wants to know.
  void ended();

 private:
  std::size_t max_;
  std::size_t size_;
  std::size_t unanswered_ = 0;
  std::size_t taken_ = 0;  // since the last change
  Ticket last_sent_ = 0;
  Ticket sent_unknowing_ = 0;  // the last one sent when a refusal last told something new
};

}  // namespace parley::client
