// Stands between programs that talk over stream sockets and breaks what is between them, while they run.
// A link is one way from a kind of client to one server: it listens, and for each connection that it
// accepts it makes one to its target and forwards what both say, 256 KiB on their way in each direction at
// most; then it reads no more.
//
//   FaultProxy proxy(seed);
//   proxy.add("worker-1/redis", listen, target);
//   proxy.blackhole("worker-1/redis", both_ways);
//   …
//   proxy.heal_all();
//
// A stream never loses bytes from its middle, and neither does this: what cannot pass is *held*, and arrives
// in order when the link heals, as TCP's repetitions would after a partition; the end of a connection is held
// in the same way. Whoever wants a partition that outlives its connections calls cut() before heal().
//
// All calls: any thread; in effect when they return. A name that is no link aborts the program. At most
// 4096 connections a link; further ones are refused.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "tests/support/fault_pipe.h"
#include "tests/support/stream_socket.h"
#include "tests/support/tripwire.h"

namespace parley::test {

// to_server: what who connected says to who listens.
enum class Way : std::size_t { to_server = 0, to_client = 1 };
using Ways = std::span<const Way>;
inline constexpr std::array both_ways{Way::to_server, Way::to_client};
inline constexpr std::array only_to_server{Way::to_server};
inline constexpr std::array only_to_client{Way::to_client};

// How a connection ends: as if closed, or torn (TCP: RST; a unix socket's reader sees a reset only if it left
// something unread).
enum class Cut { fin, rst };

struct CutAfter {
  Way way = Way::to_server;
  std::size_t bytes = 0;  // either this, counted in each connection from now on, …
  std::string pattern{};  // … or this
  Keep keep = Keep::through_match;
  unsigned times = 1;
  Cut how = Cut::rst;
};

// In which order connections that were held go on.
enum class ReleaseOrder { oldest_first, newest_first, shuffled };

// Counts since the link exists: the proof that a fault took hold.
struct LinkCounters {
  struct OfWay {
    std::uint64_t forwarded = 0;  // bytes
    std::uint64_t writes = 0;     // in which they were
    std::uint64_t held = 0;       // bytes that came while the way was held
    std::uint64_t waiting = 0;    // bytes, now
    std::uint64_t dropped = 0;    // bytes that were read and never sent on: a connection was cut
  };
  std::array<OfWay, 2> ways;
  std::uint64_t accepted = 0;
  std::uint64_t open = 0;         // now
  std::uint64_t cut = 0;          // connections, by whatever fault
  std::uint64_t matched = 0;      // cuts by cut_after and lose_*
  std::uint64_t refused = 0;
  std::uint64_t silenced = 0;     // accepted and left alone
  std::uint64_t unreachable = 0;  // the target could not be connected to

  const OfWay& of(Way way) const { return ways[static_cast<std::size_t>(way)]; }
};

class FaultProxy {
 public:
  // seed: of all chance in it.
  explicit FaultProxy(std::uint64_t seed);
  ~FaultProxy();  // cuts everything
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;

  // Where it listens, as the caller of connect() writes it. The target need not be there yet. Aborts if it
  // cannot listen.
  StreamAddress add(const std::string& link, const StreamAddress& listen,
                    const StreamAddress& target);
  // Names, sorted, that contain this: all of "", those of one process, "worker-1/" …
  std::vector<std::string> links(std::string_view part = "") const;

  // -- conditions, of connections that exist and of new ones, until they are changed
  void set(const std::string& link, Ways ways, const Conditions& conditions);
  Conditions conditions(const std::string& link, Way way) const;
  // Leaves the other conditions. A way to_server that is held keeps new connections from their target, too.
  void blackhole(const std::string& link, Ways ways);
  void stop_reading(const std::string& link, Ways ways);

  // -- connections that exist
  void cut(const std::string& link, Cut how);
  // Holds all there are, and new ones …
  void hold(const std::string& link);
  // … and lets them go one after the other, so far apart.
  void release(const std::string& link, ReleaseOrder order, Duration apart = 5ms);

  // -- cuts that wait for what is said; each replaces the one before in its direction
  void cut_after(const std::string& link, const CutAfter& what);
  // The next so many appends that PostgreSQL has committed are not answered: the connection breaks instead.
  // Statements of other kinds, and appends that were refused, are. For links to PostgreSQL.
  void lose_commit_reply(const std::string& link, unsigned times);

  // -- new connections
  // Closed as soon as they are made (TCP: reset).
  void refuse(const std::string& link);
  // Made, and neither read nor answered; heal() cuts them.
  void accept_then_silence(const std::string& link);

  // As if nothing had ever been wrong: everything that is held goes on now.
  void heal(const std::string& link);
  void heal_all();

  LinkCounters counters(const std::string& link) const;

 private:
  void set_flow(const std::string& link, Ways ways, Flow flow);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace parley::test
