// One connection through the fault proxy: the client's socket, the server's, and a pipe each way between
// them. The shell around the pipes: it moves bytes as far as they and the sockets let it. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "tests/support/fault_pipe.h"
#include "tests/support/fault_proxy.h"
#include "tests/support/stream_socket.h"

namespace parley::test {

inline constexpr std::size_t index_of(Way way) { return static_cast<std::size_t>(way); }
inline constexpr Way opposite(Way way) {
  return way == Way::to_server ? Way::to_client : Way::to_server;
}

class FaultConnection {
 public:
  enum class State { open, over, tripped, unreachable };

  // A silent one is neither read nor connected on.
  enum class Kind { forwarding, silent };
  FaultConnection(Kind kind, StreamSocket client, StreamAddress target,
                  const std::array<Conditions, 2>& conditions, std::uint64_t seed);

  FaultPipe& pipe(Way way) { return pipes_[index_of(way)]; }
  const FaultPipe& pipe(Way way) const { return pipes_[index_of(way)]; }
  Kind kind() const { return kind_; }

  // Does what can be done now and counts it. Anything but open: it is to be ended.
  State pump(Instant now, LinkCounters& counters);
  void end(Cut how);

  // What the socket of the way's source is to be watched for (EPOLLIN, EPOLLOUT); 0: nothing.
  const StreamSocket& source(Way way) const { return sockets_[index_of(way)]; }
  std::uint32_t interest(Way way) const;
  // When to pump although no socket says so.
  std::optional<Instant> wakes_at(Instant now) const;

 private:
  const StreamSocket& sink(Way way) const { return sockets_[index_of(opposite(way))]; }
  bool is_connected() const { return connect_ == Connect::done; }
  void connect(Instant now);
  void read(Way way, Instant now, LinkCounters::OfWay& counted);
  void write(Way way, Instant now, LinkCounters::OfWay& counted);
  void finish(Way way, Instant now);

  Kind kind_;
  StreamAddress target_;
  std::array<StreamSocket, 2> sockets_;  // the client's, the server's: each the source of its way
  std::array<FaultPipe, 2> pipes_;
  Connect connect_ = Connect::later;
  Instant next_connect_{};
  std::array<bool, 2> is_full_{};    // the way's sink takes no more for now
  std::array<bool, 2> is_done_{};    // nothing more will be written there
  bool has_more_ = false;            // to write, at once
};

}  // namespace parley::test
