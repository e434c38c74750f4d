// The client side of an echo, plain or through a gateway: connections that send the same number of
// bytes, each one the next echo when the last has come back.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"
#include "perf/load/channel_peer.h"
#include "perf/socket_loop.h"

namespace parley::perf {

// A ping is answered by the gateway itself: one record of this size each way.
inline constexpr std::size_t ping_record_bytes = 34;

struct EchoLoad {
  unsigned connections = 64;
  unsigned window = 1;  // echoes in flight on each connection
  Duration warmup = 500ms;
  Duration length = 2s;
};

// Echoes per second of a plain server. io: a connection failed, or an echo was not what was sent.
Result<double> plain_echo(const SocketAddress& server, const EchoLoad& load);
// Of a gateway: logs in with one account per connection, then pings. Requires: enough accounts.
Result<double> gateway_echo(const SocketAddress& gateway, const PinnedKey& pin,
                            std::span<const LoadAccount> accounts, const EchoLoad& load);

}  // namespace parley::perf
