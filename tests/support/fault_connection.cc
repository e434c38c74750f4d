#include "tests/support/fault_connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace parley::test {
namespace {
constexpr std::size_t read_max = 64 * 1024;
constexpr Duration connect_again = 10ms;
}  // namespace

FaultConnection::FaultConnection(Kind kind, StreamSocket client, StreamAddress target,
                                 const std::array<Conditions, 2>& conditions, std::uint64_t seed)
    : kind_(kind),
      target_(std::move(target)),
      pipes_{FaultPipe(conditions[0], seed * 2), FaultPipe(conditions[1], seed * 2 + 1)} {
  sockets_[index_of(Way::to_server)] = std::move(client);
}

FaultConnection::State FaultConnection::pump(Instant now, LinkCounters& counters) {
  has_more_ = false;
  if (kind_ == Kind::silent) return State::open;
  connect(now);
  if (connect_ == Connect::failed) return State::unreachable;
  for (const Way way : both_ways) {
    pipe(way).turn(now);
    read(way, now, counters.ways[index_of(way)]);
  }
  for (const Way way : both_ways) {
    write(way, now, counters.ways[index_of(way)]);
    finish(way, now);
    if (pipe(way).is_cut(now) || (pipe(way).is_tripped() && is_done_[index_of(way)]))
      return State::tripped;
  }
  return is_done_[0] && is_done_[1] ? State::over : State::open;
}

// Where nothing passes to the server, a connection does not either.
void FaultConnection::connect(Instant now) {
  StreamSocket& server = sockets_[index_of(Way::to_client)];
  if (connect_ == Connect::going_on) connect_ = finish_connect(server);
  if (connect_ != Connect::later || now < next_connect_) return;
  if (pipe(Way::to_server).is_held(now)) return;
  connect_ = start_connect(server, target_);
  next_connect_ = now + connect_again;
}

void FaultConnection::read(Way way, Instant now, LinkCounters::OfWay& counted) {
  FaultPipe& pipe = this->pipe(way);
  if (is_done_[index_of(way)] || (way == Way::to_client && !is_connected())) return;
  const std::size_t room = std::min(pipe.room(), read_max);
  if (room == 0) return;
  static thread_local std::array<char, read_max> buffer;
  const ssize_t got = recv(source(way).fd(), buffer.data(), room, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return pipe.end(now);
  const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
  if (pipe.is_held(now)) counted.held += bytes.size();
  if (Tripwire* wire = this->pipe(opposite(way)).wire()) wire->see_opposite(bytes);
  pipe.push(bytes, now);
}

void FaultConnection::write(Way way, Instant now, LinkCounters::OfWay& counted) {
  if (!is_connected() || is_done_[index_of(way)]) return;
  FaultPipe& pipe = this->pipe(way);
  is_full_[index_of(way)] = false;
  while (true) {
    const std::string_view bytes = pipe.ready(now);
    if (bytes.empty()) return;
    const ssize_t sent = send(sink(way).fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) {
      // Whoever was to read is gone. What the other direction has still to say may go on.
      (errno == EAGAIN ? is_full_ : is_done_)[index_of(way)] = true;
      return;
    }
    pipe.written(static_cast<std::size_t>(sent), now);
    counted.forwarded += static_cast<std::uint64_t>(sent);
    ++counted.writes;
    if (pipe.conditions().slice == 0) continue;
    has_more_ |= !pipe.ready(now).empty();  // the next slice after a look at everybody else
    return;
  }
}

void FaultConnection::finish(Way way, Instant now) {
  if (!is_connected() || is_done_[index_of(way)] || !pipe(way).is_over(now)) return;
  shutdown(sink(way).fd(), SHUT_WR);
  is_done_[index_of(way)] = true;
}

void FaultConnection::end(Cut how) {
  for (StreamSocket& socket : sockets_) {
    if (!socket.is_open()) continue;
    if (how == Cut::rst) {
      socket.reset();
      continue;
    }
    // Closing with something unread would be a reset.
    shutdown(socket.fd(), SHUT_WR);
    std::array<char, 4096> unread;
    for (int reads = 0; reads < 64; ++reads)
      if (recv(socket.fd(), unread.data(), unread.size(), 0) <= 0) break;
    socket.close();
  }
}

std::uint32_t FaultConnection::interest(Way way) const {
  if (kind_ == Kind::silent || !source(way).is_open()) return 0;
  if (way == Way::to_client && connect_ == Connect::going_on) return EPOLLOUT;
  const bool reads = pipe(way).room() > 0 && !is_done_[index_of(way)];
  const bool writes = is_full_[index_of(opposite(way))];
  return (reads ? EPOLLIN : 0u) | (writes ? EPOLLOUT : 0u);
}

std::optional<Instant> FaultConnection::wakes_at(Instant now) const {
  if (kind_ == Kind::silent) return std::nullopt;
  if (has_more_) return now;
  std::optional<Instant> first;
  const auto consider = [&](std::optional<Instant> when) {
    if (when && (!first || *when < *first)) first = when;
  };
  for (const FaultPipe& pipe : pipes_) consider(pipe.wakes_at(now));
  if (connect_ == Connect::later && !pipe(Way::to_server).is_held(now)) consider(next_connect_);
  return first;
}

}  // namespace parley::test
