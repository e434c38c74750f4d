// A client's end of a gateway connection, lean: channel, login with an access token, frames. No
// outbox, no log, no reconnection: what the load generator counts must not be hidden by a retry.
#pragma once

#include <string>
#include <variant>

#include "base/ids.h"
#include "perf/socket_loop.h"
#include "proto/channel.h"
#include "proto/verbs.h"

namespace parley::perf {

struct LoadAccount {
  UserId user;
  DeviceId device;
  std::string access_token;
};

class ChannelPeer : public Peer {
 public:
  // `loop` must outlive it.
  ChannelPeer(SocketLoop& loop, const PinnedKey& pin, LoadAccount account)
      : loop_(loop), pin_(pin), account_(std::move(account)) {}

  bool is_ready() const { return std::holds_alternative<Ready>(state_); }
  // Why there is no connection any more; empty while there is one, or none was tried yet.
  std::string_view why_lost() const;
  UserId user() const { return account_.user; }
  // Says goodbye and closes.
  void hang_up(Instant now);
  void ping(Instant now);

  void on_open(Instant now) final;
  std::size_t on_bytes(std::span<char> bytes, Instant now) final;
  void on_closed(const std::string& why) final { state_ = Lost{why}; }

 protected:
  virtual void on_ready(Instant) {}
  // A frame after login. `frame` looks into the read buffer.
  virtual void on_frame(const Frame& frame, Instant now) = 0;
  // Requires: is_ready().
  void send_frame(const FrameHeader& header, std::string_view body, Instant now);
  // The server did something that no server may do: ends the connection.
  void lose(const std::string& why);

 private:
  struct Fresh {};
  struct Shaking {
    Initiator initiator;
  };
  struct LoggingIn {
    Channel channel;
  };
  struct Ready {
    Channel channel;
  };
  struct Lost {
    std::string why;
  };

  std::size_t on_answer(std::span<char> bytes, Instant now);
  std::size_t on_records(std::span<char> bytes, Instant now);
  void on_login_frame(const Frame& frame, Instant now);
  Channel* channel();

  SocketLoop& loop_;
  const PinnedKey& pin_;
  LoadAccount account_;
  std::variant<Fresh, Shaking, LoggingIn, Ready, Lost> state_;
};

}  // namespace parley::perf
