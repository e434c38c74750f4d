// The one meeting point of ZeroMQ and libuv. A ZeroMQ socket's descriptor is edge-triggered, and any send
// may swallow the edge: code that reads "when the descriptor is readable" loses its wake-up sooner or later
// (LIBRARY-FACTS §1.5; tests/integration/bus/uv_socket_test.cc shows it). Hence:
//
//   prepare  before_block(), then ask the socket itself: something waits → the loop must not block
//   poll     the descriptor only ends the block
//   check    read messages, at most `budget` per turn, so that others get their turn too
//
// Asking costs two system calls, so it is left out while the socket was not used since the last time, for
// then the descriptor still tells the truth, and after a read that ended at its budget: the loop then turns.
//
// Thread: the loop's. It must not be destroyed from within one of its own handlers.
#pragma once

#include <cstddef>
#include <functional>

#include "base/loop.h"
#include "bus/zmq_socket.h"

namespace parley {

class UvSocket {
 public:
  struct Handlers {
    // Reads one message and deals with it; false when none waits.
    std::function<bool(ZmqSocket&)> read_one;
    // Once after each turn's messages, if there were any.
    std::function<void()> after_batch = [] {};
    // Once per turn, before the loop blocks: the cheapest moment to send, since many go at once. Returns
    // whether it used the socket.
    std::function<bool(ZmqSocket&)> before_block = [](ZmqSocket&) { return false; };
  };

  UvSocket(Loop& loop, ZmqSocket socket, std::size_t budget, Handlers handlers);
  ~UvSocket();
  UvSocket(const UvSocket&) = delete;
  UvSocket& operator=(const UvSocket&) = delete;

  // The socket, for sending. Safe at any time: a send after this turn's check makes the loop turn once more.
  ZmqSocket& for_sending();
  // Reads now, at most `most` messages, without waiting for the loop's turn. Returns how many.
  std::size_t read_now(std::size_t most);

 private:
  struct Handles;
  Handles* handles_;
};

}  // namespace parley
