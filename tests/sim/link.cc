#include "tests/sim/link.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "bus/batch.h"

namespace parley::sim {
namespace {

constexpr std::size_t dealer_marks = 51'000;  // send_hwm of a DEALER and receive_hwm of a ROUTER
constexpr Duration reconnect_every = 100ms;   // ZMQ_RECONNECT_IVL
constexpr Duration linger = 200ms;            // of a socket that says goodbye, at least
constexpr Duration mute_for = 300ms;          // a young connection that breaks, at most
constexpr Duration repeated_within = 2s;

// All but deliveries on their last way, which both ends count (README.md).
bool may_arrive_twice(const Envelope& envelope, Way way) {
  return way == up || envelope.header.kind != EnvelopeKind::deliver;
}

}  // namespace

// -- the peer's side

void Link::open(DealerEnd& end, std::string identity) {
  close(Close::at_once);
  end_ = &end;
  identity_ = std::move(identity);
  peer_.after(universe_.latency(), [this, opening = openings_] { attempt(opening); });
}

void Link::close(Close how) {
  ++openings_;
  end_ = nullptr;
  const ConnectionPtr connection = std::exchange(connection_, nullptr);
  if (!connection) return;
  connection->broken = true;
  connection->ended[down] = true;
  if (how == Close::at_once) {
    lose_tail(*connection, up);
  } else if (clogged(up)) {
    universe_.timeline.at(universe_.now() + linger, [this, connection] {
      if (clogged(up)) lose_tail(*connection, up);
    });
  }
  tell(connection, up);
}

void Link::attempt(std::uint64_t opening) {
  if (opening != openings_ || connection_) return;
  if (broker_.runs() && !clogged(up) && !clogged(down)) return establish();
  peer_.after(reconnect_every, [this, opening] { attempt(opening); });
}

void Link::establish() {
  connection_ = std::make_shared<Connection>();
  connection_->identity = identity_;
  router_.attach(*this, connection_);
  peer_.after(universe_.latency(), [this, connection = connection_] {
    if (connection == connection_) end_->on_connected();
  });
  if (!universe_.chance(universe_.young_breaks_per_thousand)) return;
  connection_->mute = universe_.chance(500);
  const Duration age =
      universe_.random.between(0ms, connection_->mute ? mute_for : 8 * universe_.latency_max);
  universe_.timeline.at(universe_.now() + age, [this, young = connection_] {
    if (young == connection_) cut();
  });
}

Link::Sent Link::send_up(std::string bytes) {
  if (!connection_ || connection_->pipes[up].size() >= dealer_marks) return Sent::full;
  send(connection_, up, std::move(bytes));
  return Sent::sent;
}

std::optional<std::string> Link::receive_down() {
  return connection_ ? receive(*connection_, down) : std::nullopt;
}

// -- the broker's side

void Link::send_down(const ConnectionPtr& connection, std::string bytes) {
  send(connection, down, std::move(bytes));
}

// -- the network

void Link::send(const ConnectionPtr& connection, Way way, std::string bytes) {
  if (connection->broken) return;
  push(*connection, way, bytes);
  if (repeats_per_thousand_ == 0) return;
  PARLEY_ASSERT(unpack(std::string_view(bytes), [&](std::string_view one) {
    const auto envelope = decode_envelope(one);
    PARLEY_ASSERT(envelope.has_value());
    if (!may_arrive_twice(*envelope, way) || !universe_.chance(repeats_per_thousand_)) return;
    if (envelope->header.kind == EnvelopeKind::deliver)
      universe_.repeated_deliveries.emplace(envelope->body);
    send_again(connection, way, one);
  }));
}

void Link::send_again(const ConnectionPtr& connection, Way way, std::string_view envelope) {
  const Duration slowest = universe_.chance(100) ? repeated_within : 8 * universe_.latency_max;
  const Duration later = universe_.chance(500) ? 0ms : universe_.random.between(0ms, slowest);
  universe_.timeline.at(universe_.now() + later,
                        [this, connection, way, again = std::string(envelope)] {
                          if (connection->broken || repeats_per_thousand_ == 0) return;
                          ++universe_.repeats;
                          universe_.trace.say(receiver(way).name(), "is told something again");
                          push(*connection, way, again);
                        });
}

void Link::push(Connection& connection, Way way, std::string bytes) {
  Instant arrival = Instant::max();
  if (!is_stuck(connection, way)) {
    arrival = std::max(connection.last_arrival[way], universe_.now() + universe_.latency());
    connection.last_arrival[way] = arrival;
    universe_.timeline.at(arrival, [&node = receiver(way)] { node.wake(); });
  }
  connection.pipes[way].push_back({std::move(bytes), arrival});
}

std::optional<std::string> Link::receive(Connection& connection, Way way) {
  auto& pipe = connection.pipes[way];
  if (pipe.empty() || pipe.front().arrival > universe_.now()) return std::nullopt;
  std::string bytes = std::move(pipe.front().bytes);
  pipe.pop_front();
  return bytes;
}

// Of what has not arrived an arbitrary first part still does, what is stuck does not.
void Link::lose_tail(Connection& connection, Way way) {
  auto& pipe = connection.pipes[way];
  const auto travels = [&](const Connection::Packet& p) { return p.arrival > universe_.now(); };
  const auto first = std::ranges::find_if(pipe, travels);
  const auto stuck = std::ranges::find(pipe, Instant::max(), &Connection::Packet::arrival);
  const auto saved = universe_.random.below(static_cast<std::uint64_t>(stuck - first) + 1);
  pipe.erase(first + static_cast<std::ptrdiff_t>(saved), pipe.end());
}

// The receiver learns that it is over, behind everything that still arrives.
void Link::tell(const ConnectionPtr& connection, Way way) {
  if (connection->ended[way]) return;
  if (clogged(way)) {
    untold_[way].push_back(connection);
    return;
  }
  const Duration slowest = universe_.chance(200) ? 400ms : 20ms;  // half-open for a while
  const Instant seen = std::max(universe_.now() + universe_.random.between(50us, slowest),
                                connection->last_arrival[way]);
  receiver(way).after(seen - universe_.now(), [this, connection, way] {
    if (std::exchange(connection->ended[way], true)) return;
    if (way == up) return router_.detach(connection);
    if (connection != connection_) return;
    // What is unread stays readable while the peer is told; then a DEALER connects again by itself.
    end_->on_disconnected();
    if (connection != connection_) return;
    connection_ = nullptr;
    peer_.after(reconnect_every, [this, opening = openings_] { attempt(opening); });
  });
}

// -- what happens to it

void Link::on_peer_ended() { close(Close::at_once); }

void Link::on_broker_ended() {
  untold_[up].clear();
  if (!connection_) return;
  connection_->broken = true;
  connection_->ended[up] = true;
  lose_tail(*connection_, down);
  tell(connection_, down);
}

void Link::cut() {
  if (!connection_ || connection_->broken) return;
  universe_.trace.say(peer_.name(), "loses its connection to " + broker_.name());
  connection_->broken = true;
  for (const Way way : {up, down}) {
    lose_tail(*connection_, way);
    tell(connection_, way);
  }
}

void Link::clog(Way way) {
  if (clogs_[way]++ > 0 || !connection_) return;
  for (Connection::Packet& packet : connection_->pipes[way])
    if (packet.arrival > universe_.now()) packet.arrival = Instant::max();
  connection_->last_arrival[way] = universe_.now();
}

void Link::free(Way way) {
  if (--clogs_[way] > 0) return;
  std::vector<ConnectionPtr> waiting = std::exchange(untold_[way], {});
  std::vector<ConnectionPtr> delayed = waiting;
  if (connection_ && std::ranges::find(waiting, connection_) == waiting.end())
    delayed.push_back(connection_);
  for (const ConnectionPtr& connection : delayed) {
    if (is_stuck(*connection, way)) continue;
    for (Connection::Packet& packet : connection->pipes[way]) {
      if (packet.arrival != Instant::max()) continue;
      packet.arrival = connection->last_arrival[way] =
          std::max(connection->last_arrival[way], universe_.now() + universe_.latency());
      universe_.timeline.at(packet.arrival, [&node = receiver(way)] { node.wake(); });
    }
  }
  for (const ConnectionPtr& connection : waiting) tell(connection, way);
}

}  // namespace parley::sim
