// A connection to a gateway at the level of frames: TCP, handshake, sealed records. The Client uses it; a test
// of bad input, or a client of an unusual kind, may use it directly.
//
// One thread: the loop's. (Names that are not numbers are looked up in libuv's pool.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/loop.h"
#include "base/result.h"
#include "client/address.h"
#include "proto/channel.h"

struct addrinfo;
struct sockaddr;

namespace parley::client {

class Connection;

// What all connections of one loop share: a read buffer, and one flush per turn, so that everything a
// turn has sealed for a connection leaves in one write. Must outlive its connections; the loop must outlive it.
//
// Making one sets SIGPIPE of the process to be ignored, unless it has a handler: a connection that the peer has
// closed is an error here, and must not be the end of the program.
class Network {
 public:
  explicit Network(Loop& loop);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  Loop& loop() { return loop_; }

 private:
  friend class Connection;
  void flush();

  Loop& loop_;
  std::vector<char> read_buffer_;
  std::vector<Connection*> dirty_;
  std::size_t look_ups_ = 0;  // running in libuv's pool
  BeforeBlock before_block_;
};

class Connection {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;
    // The handshake is done: frames may be sent.
    virtual void on_open() = 0;
    // `frame` looks into a buffer that is gone after the call.
    virtual void on_frame(const Frame& frame) = 0;
    // It ended, or never came to be. disconnected: by the network or the peer. bad_frame: what came is
    // not from the holder of the pinned key. slow_consumer: the peer does not read.
    virtual void on_closed(const Error& why) = 0;
  };

  // Not sent and not yet taken by the kernel. Beyond it the connection is closed with slow_consumer.
  static constexpr std::size_t unsent_max = 4 << 20;

  // Both must outlive the connection. A handler may call any method from its calls, but not destroy.
  Connection(Network& network, Handler& handler);
  ~Connection();  // as close()
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Ends a former connection as close() does, and opens a new one; on_open or on_closed follows, the latter
  // perhaps before this returns. No deadline of its own: call close().
  void open(const Endpoint& endpoint, const PinnedKey& server);
  // Seals a frame; it leaves at the end of the turn. Ignored unless open: on_closed is on its way.
  // Requires: body.size() <= limits::frame_body_max.
  void send(const FrameHeader& header, std::string_view body);
  // For tests of bad input: bytes as they are, after what has been sealed so far.
  void write_unsealed(std::string_view bytes);
  // Says goodbye with a close frame if the kernel takes it at once. No call to the handler follows.
  void close();

  bool is_open() const { return std::holds_alternative<Open>(state_); }
  std::size_t unsent_bytes() const { return out_.size(); }

 private:
  friend class Network;
  struct Socket;  // libuv's side of it; outlives us until libuv lets go
  struct Idle {};
  struct Dialing {
    PinnedKey server;
  };
  struct Handshake {
    Initiator initiator;
  };
  struct Open {
    Channel channel;
  };

  void look_up(const Endpoint& endpoint);
  void dial_one_of(const addrinfo* addresses);
  void dial(const sockaddr* address);
  void on_connected();
  void on_bytes(char* bytes, std::size_t size);
  std::size_t consume(char* bytes, std::size_t size);
  std::size_t consume_answer(std::string_view bytes);
  Result<std::size_t> consume_record(char* bytes, std::size_t size);
  void mark_dirty();
  void flush();
  void drop_socket();
  void end(const Error& why);

  Network& network_;
  Handler& handler_;
  std::variant<Idle, Dialing, Handshake, Open> state_;
  Socket* socket_ = nullptr;
  std::uint64_t incarnation_ = 0;  // counts ends: has a callback ended what it was called for?
  std::string in_;                 // the beginning of a record
  std::string out_;
  std::size_t look_ups_done_ = 0;
  bool is_dirty_ = false;
};

}  // namespace parley::client
