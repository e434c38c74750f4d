// Many TCP connections on one thread with as little work per message as an honest client can do:
// one epoll, one read buffer, and per turn one write for everything that a connection has to say.
// The load generator shares the machine with what it measures, so its own cost is part of every
// figure.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace parley::perf {

struct SocketAddress {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  // Local address to connect from; "" lets the kernel choose. 127.0.0.x lifts both the 28,000 ports
  // and the gateway's bound per address.
  std::string from = {};
};

// One end of a connection: what is done with its bytes. Not copied; lives as long as its loop.
class Peer {
 public:
  Peer() = default;
  virtual ~Peer();  // closes
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  // The connection is open: the first chance to say something.
  virtual void on_open(Instant now) = 0;
  // What has arrived, to be changed in place. → how many of them are done with; the rest comes
  // again.
  virtual std::size_t on_bytes(std::span<char> bytes, Instant now) = 0;
  // The connection ended or never came to be. Nothing follows.
  virtual void on_closed(const std::string& why) = 0;

 protected:
  // What is to be written; SocketLoop::write_later makes it happen at the end of the turn.
  std::string& out() { return out_; }

 private:
  friend class SocketLoop;
  std::string out_;
  std::string unread_;  // the beginning of something that has not come whole
  int fd_ = -1;
  bool connecting_ = false;
  bool dirty_ = false;
  bool blocked_ = false;  // the kernel takes no more; waiting for EPOLLOUT
};

class SocketLoop {
 public:
  SocketLoop();
  ~SocketLoop();
  SocketLoop(const SocketLoop&) = delete;
  SocketLoop& operator=(const SocketLoop&) = delete;

  // Begins to connect; `peer` hears of it. io: no socket, no memory, a bad address.
  Status connect(Peer& peer, const SocketAddress& address);
  // Closes at once; the peer is not told.
  void close(Peer& peer);
  // What the peer's out() holds is written when the turn ends.
  void write_later(Peer& peer);
  // Waits at most `limit` for something to happen, lets it happen, writes what there is to write.
  void turn(Duration limit);
  std::size_t open() const { return open_; }

 private:
  static constexpr std::size_t read_bytes = 256 * 1024;

  void on_event(Peer& peer, std::uint32_t events, Instant now);
  void finish_connect(Peer& peer, Instant now);
  void read(Peer& peer, Instant now);
  void flush(Peer& peer);
  void watch(Peer& peer, std::uint32_t events, int operation);
  void fail(Peer& peer, const std::string& why);

  int epoll_ = -1;
  std::size_t open_ = 0;
  std::vector<Peer*> dirty_;
  std::unique_ptr<char[]> buffer_;
};

}  // namespace parley::perf
