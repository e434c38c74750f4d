// What business systems were sent and have not read: ZeroMQ keeps it in this broker's memory, by count of messages
// and not of bytes, for as long as their connection lives. Bounded by key, whatever connections it is used
// for: what goes beyond is not sent.
//
// A pong proves what was read: what was sent before its ping came before it. Pings carry a number that
// nobody can guess, and pongs repeat it.
//
// A connection with something unread counts for 1/4096 of the bound, however little it is: so many connections of a
// key are remembered at most. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "bus/broker_types.h"

namespace parley {

class Unread {
 public:
  Unread(std::size_t bytes_max, std::function<std::uint64_t()> random_number)
      : bytes_max_(bytes_max),
        connection_cost_(bytes_max / 4'096),
        random_number_(std::move(random_number)) {}

  // Whether so much more may be sent to that address, which a peer of that account (RoleMeter) has.
  bool has_room(const PeerKey& to, std::uint64_t account, std::size_t bytes) const;
  // Whether so little is unread that another registration may add to it.
  bool may_register(std::uint64_t account) const { return bytes_of(account) <= bytes_max_ / 2; }
  // Requires: has_room().
  void sent(const PeerKey& to, std::uint64_t account, std::size_t bytes);
  // He answers a ping that carried this number. False: none that is open did.
  bool read(const PeerKey& by, std::uint64_t number);
  // The connection has ended, and what was not read with it.
  void forget(const PeerKey& address);

  // Call it every 100 ms: who is to be pinged, with which number.
  struct Ping {
    PeerKey to;
    std::uint64_t number;
  };
  std::vector<Ping> pings(Instant now);

  // Its connections' cost included.
  std::size_t bytes_of(std::uint64_t account) const;
  std::size_t connections() const { return connections_.size(); }

 private:
  struct Mark {
    std::uint64_t number;
    std::size_t bytes;  // of what is unread, sent before the ping
    Instant pinged;
  };
  struct Connection {
    std::uint64_t account;
    std::size_t bytes = 0;
    std::optional<Mark> mark;  // the ping that is unanswered
  };
  void take_back(std::uint64_t account, std::size_t bytes);
  void change_account(Connection& connection, std::uint64_t account);

  std::size_t bytes_max_;
  std::size_t connection_cost_;
  std::function<std::uint64_t()> random_number_;
  std::unordered_map<PeerKey, Connection> connections_;  // those with something unread
  std::unordered_map<std::uint64_t, std::size_t> accounts_;
};

}  // namespace parley
