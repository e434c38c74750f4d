// One client's TCP socket and what is queued for it: the shell around a Session. One read buffer serves
// all connections of a loop; what a turn has for a connection leaves in one write before the loop blocks.
// Thread: the loop's.
//
// Bounds: the queue. Above `soft_bytes` notices are dropped (the client is told to catch up when it has
// taken the rest) and nothing more is read from the client; above `hard_bytes` after a write, or when a
// write is not done in time, the connection is reset (slow_consumer): a slow reader costs itself, never the
// gateway's memory.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/loop.h"
#include "gateway/session.h"

struct uv_stream_s;

namespace parley {

class Connection;

// What happens on connections. Called from the loop, never from within a call to the connection but
// where it says so.
class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  virtual void on_action(Connection& connection, Session::Action& action) = 0;
  // The first bytes of a turn were queued: flush() it before the loop blocks.
  virtual void on_dirty(Connection& connection) = 0;
  // It has stopped reading to be fair to others: resume() it in the next turn.
  virtual void on_paused(Connection& connection) = 0;
  // deadline() is earlier than it was.
  virtual void on_deadline_moved(Connection& connection) = 0;
  // What it holds in memory has changed, before login.
  virtual void on_held_changed(std::size_t before, std::size_t after) = 0;
  // The socket is being closed, also from within flush() and the ends; the connection is gone after this.
  virtual void on_closed(Connection& connection) = 0;
};

struct QueueLimits {
  std::uint64_t soft_bytes = 256 << 10;
  std::uint64_t hard_bytes = 1 << 20;
  std::uint64_t hard_bytes_before_login = 8 << 10;
  Duration write = 10s;
};

// What the connections of one loop share. Must outlive them, except those that are being closed.
struct ConnectionWorld {
  Loop& loop;
  ConnectionOwner& owner;
  const SessionRules& rules;
  GatewayCounts& counts;
  QueueLimits queue;
  std::vector<char> read_buffer = std::vector<char>(64 << 10);
  std::vector<std::string> spare_buffers = {};  // for output; at most spare_buffers_max
};

class Connection {
 public:
  // Takes the connection that waits at `listener`. It owns itself: it dies after on_closed. Then either
  // start() or refuse() has to follow. io: it was gone already.
  static Result<Connection*> accept(uv_stream_s* listener, ConnectionWorld& world);

  std::uint64_t origin() const { return origin_; }
  void start(ConnectionId id);
  void refuse();

  // Requires of what follows: start() was called.
  Session& session() { return *session_; }
  const Session& session() const { return *session_; }

  // Where sealed bytes are appended; queued() has to follow.
  std::string& out();
  void queued();
  // Queues a notice. False: the reader is too slow, it was dropped.
  bool notify(Notice notice, std::uint64_t target, std::string_view body);
  void flush();
  void resume();

  // Carries out a Session::Close.
  void end(const Session::Close& close);
  // Closes at once.
  void abort();
  // Closes at once, with a reset: the kernel keeps nothing of it either.
  void cut();

  Instant deadline() const;
  void on_deadline(Instant now);
  std::uint64_t filed_tick = 0;  // the timer wheel's note: under which tick this is filed

 private:
  explicit Connection(ConnectionWorld& world) : world_(world) {}
  ~Connection() = default;
  struct Callbacks;  // of libuv

  uv_stream_s* stream();
  void read(std::span<char> bytes);
  void left_by_peer();
  void tell_what_was_left_out();
  void write();
  void write_later(std::size_t already);
  void give_back_buffer();
  void written(std::size_t bytes, int status);
  void adjust();
  void reset();
  void account();
  std::size_t backlog() const { return writing_bytes_ + out_.size(); }

  // A uv_tcp_t, so that libuv's header stays in the .cc and the object is one allocation.
  alignas(std::max_align_t) std::array<std::byte, 248> tcp_;
  ConnectionWorld& world_;
  std::optional<Session> session_;
  std::uint64_t origin_ = 0;
  std::string out_;                  // gathered; no heap memory while empty
  std::uint32_t writing_bytes_ = 0;  // handed to libuv, not all written yet
  std::uint32_t accounted_ = 0;      // what the owner was told it holds
  Instant writing_since_{};
  bool dirty_ = false;
  bool reading_ = false;
  bool paused_ = false;   // until the next turn, for fairness
  bool ending_ = false;   // when all is written: shut down
  bool left_out_ = false;  // a notice, since the queue was empty
  bool closed_ = false;
};

}  // namespace parley
