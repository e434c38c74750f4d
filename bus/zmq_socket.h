// ZeroMQ behind RAII and values: the only file pair that includes its header. Every call returns at once
// (ZMQ_DONTWAIT). LIBRARY-FACTS' rules about options are kept here, so that nobody else needs to know them:
//  - context option 10 = 0: otherwise a small retained message pins up to 18 KiB
//  - high-water marks before bind and connect only; LINGER always set; no ZMQ_HEARTBEAT_* (it aborts)
//  - DEALER: IMMEDIATE, so that nothing is queued for a broker that is not there
//  - ROUTER: MANDATORY, so that a send to nobody says so; HANDOVER as a safety net
// Sockets are not thread-safe: use one from its owner's thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "bus/curve.h"

namespace parley {

class ZmqContext {
 public:
  ZmqContext();
  // Waits until its sockets' last messages are out, at most their linger. Requires: all sockets destroyed.
  ~ZmqContext();
  ZmqContext(const ZmqContext&) = delete;
  ZmqContext& operator=(const ZmqContext&) = delete;
  void* raw() const { return context_; }

 private:
  void* context_;
};

enum class SendStatus {
  sent,
  full,        // the peer's pipe is full, or (DEALER) there is no connection: nothing was sent
  unreachable  // ROUTER: no peer of that identity
};

// What a monitor (ZmqSocket::monitor) tells.
enum class ConnectionEvent {
  connected,
  disconnected,
  // The two did not agree: a key that the other does not want, or encrypted and not. A DEALER is dead
  // then and has to be replaced: ZeroMQ itself never tries again.
  refused,
  other
};

struct ZmqMessage {
  std::string identity;  // ROUTER: the sender
  std::string bytes;
  std::string key;  // ROUTER with curve: the sender's public key, proven; else empty
};

class ZmqSocket {
 public:
  struct RouterOptions {
    int send_hwm = 0;     // messages per peer; 0: unbounded, for when credit bounds them
    int receive_hwm = 0;  // likewise
    // Our pair: only who knows its public half and is admitted by the context's ZAP handler (zap())
    // gets in; without a handler nobody does. Nothing: in clear, open to all.
    std::optional<CurveKeyPair> curve = {};
  };
  struct DealerOptions {
    std::string identity;  // fresh for each connection; 1 … 255 bytes, the first not 0
    int send_hwm = 0;
    int receive_hwm = 0;
    std::optional<CurveClient> curve = {};  // nothing: in clear
  };
  static ZmqSocket router(ZmqContext& context, const RouterOptions& options);
  static ZmqSocket dealer(ZmqContext& context, const DealerOptions& options);
  // Where ZeroMQ asks, for each new connection to a curve ROUTER of this context, whether its key is
  // welcome (zap.h). Requires: made before those are bound, destroyed after them. Speak in whole
  // messages: receive_frames, send_frames.
  static ZmqSocket zap(ZmqContext& context);

  ZmqSocket(ZmqSocket&& other) noexcept;
  ZmqSocket& operator=(ZmqSocket&& other) noexcept;
  ~ZmqSocket();

  // io: the address is in use or cannot be bound. A file of ipc:// gets `file_mode`; one that is left from
  // a dead process is replaced, one on which somebody listens is not.
  Status bind(const std::string& endpoint, unsigned file_mode);
  // config: not an endpoint. Whether somebody is there shows later.
  Status connect(const std::string& endpoint);
  // The endpoint that was bound last, with the port that the kernel chose for ":*" or ":0".
  std::string bound_endpoint() const;
  // A socket that tells of this one's connections: receive_event() on it. To be destroyed after this one: ZeroMQ tells
  // while it holds a lock, and waits without end for somebody who listens. This one's destructor needs that lock to
  // make it stop.
  ZmqSocket monitor(ZmqContext& context);

  SendStatus send(std::string_view bytes);
  SendStatus send_to(std::string_view identity, std::string_view bytes);

  // The next message; nothing if none waits. Messages that are not of our shape (one frame from a DEALER, one
  // frame behind the identity on a ROUTER) arrive with empty bytes.
  bool receive(ZmqMessage& into);
  // All of a message's frames, also those that route it.
  bool receive_frames(std::vector<std::string>& into);
  void send_frames(const std::vector<std::string>& frames);
  std::optional<ConnectionEvent> receive_event();

  // For uv_socket.h: the edge-triggered descriptor, and whether something can be read now.
  int descriptor() const;
  bool readable() const;
  // How long what was sent may still go out after destruction; zero: it is dropped.
  void set_linger(Duration linger);

 private:
  ZmqSocket(ZmqContext& context, int type);
  void set(int option, int value);
  void set(int option, std::string_view value);
  void speak_ipv6_for(const std::string& endpoint);
  void limit_messages(std::int64_t bytes_max);

  void* socket_ = nullptr;
  bool is_router_ = false;
  bool knows_keys_ = false;
  bool monitored_ = false;
};

// "<letter><8 random bytes>": a fresh identity for a DEALER.
std::string fresh_identity(char letter);

}  // namespace parley
