// What the client's pure core wants done. The shell (client.h) carries actions out in their order.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.h"
#include "base/result.h"
#include "client/address.h"
#include "client/message.h"
#include "proto/frame.h"

namespace parley::client {

// -- to the network
// Opens a connection; a former one is gone by now. Answered by on_open or on_closed.
struct Dial {
  Endpoint endpoint;
};
// Requires: a connection is open.
struct Transmit {
  FrameHeader header;
  std::string body{};
};
// Ends the connection, open or not yet, with a close frame if possible. Not answered.
struct HangUp {};

// -- to the SDK's user
enum class Phase : std::uint8_t {
  stopped,         // for good: never started, closed by us, or the server said so (`why`)
  waiting,         // for the next attempt (`retry_in`)
  connecting,      // TCP and handshake
  authenticating,
  ready,
};
struct StateChanged {
  Phase phase = Phase::stopped;
  Error why{Errc::disconnected};           // stopped, waiting: what ended the former connection
  Duration retry_in = Duration::zero();    // waiting
};
// A log's next entry: per conversation each number once and none left out. Own messages, too.
struct MessageAdded {
  Entry entry;
};
// How far `user` (the peer, or we ourselves on another device) has come.
struct ReceiptMoved {
  ConversationId conversation;
  UserId user;
  Cursors cursors;
};
// The end of a send: committed, or given up. Given up with a retryable error: it may exist all the same.
struct SendDone {
  ClientMessageId id{};
  ConversationId conversation;
  Result<Ack> result;
};
// After a login: everything that the server had when the login began is asked for.
struct Synced {};
// The local log could not be written. What it lacks is fetched again after the next start.
struct LogFailed {
  Error error;
};
// A request of the user's own is answered: with the answer's body, or why there is none.
using Answer = std::function<void(Result<std::string>)>;
struct CallBack {
  Answer answer;
  Result<std::string> result;
};

using Action = std::variant<Dial, Transmit, HangUp, StateChanged, MessageAdded, ReceiptMoved,
                            SendDone, Synced, LogFailed, CallBack>;

}  // namespace parley::client
