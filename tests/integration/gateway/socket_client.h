// A client on a blocking socket, for tests: what it sends is exactly what the test says. It is refused or lost like
// any other: then what it is asked to do fails. Waits 5 s where no limit is given, send() as long as it takes.
#pragma once

#include <string>

#include "base/clock.h"
#include "tests/unit/gateway/channel_peer.h"

namespace parley::test {

class SocketClient {
 public:
  struct Options {
    int receive_buffer = 0;  // 0: the system's
    std::uint32_t source = 0;  // an IPv4 address of this host to come from; 0: any
    ServerKey server = test_key();  // whose public half it pins
  };
  explicit SocketClient(std::uint16_t port) : SocketClient(port, Options{}) {}
  SocketClient(std::uint16_t port, const Options& options);
  ~SocketClient();
  SocketClient(SocketClient&& other) noexcept
      : fd_(other.release()), channel_(std::move(other.channel_)), numbers_(other.numbers_) {}
  SocketClient& operator=(SocketClient&& other) noexcept;
  SocketClient(const SocketClient&) = delete;
  SocketClient& operator=(const SocketClient&) = delete;

  ChannelPeer& channel() { return channel_; }
  // All of it; false: the peer is gone.
  bool send(std::string_view bytes);
  // The next frame from the server; nothing if the connection ends or `limit` passes before.
  std::optional<GotFrame> receive(Duration limit = 5s);
  // Whether the server ends the connection within the limit, whatever it says before.
  bool ended(Duration limit = 5s);
  // Everything that the server sends until it ends the connection or the limit passes, as it is.
  std::string received_until_end(Duration limit = 5s);
  // Says that nothing more will come, and still listens.
  void half_close();
  // Ends the connection with a reset.
  void reset();
  // Handshake; then login.password. Whether they succeeded.
  bool shake_hands();
  // The rest of it, when the test has sent the hello.
  bool shake_hands_without_hello();
  bool log_in(std::uint64_t user, std::uint64_t device = 1, unsigned device_class = 1,
              std::uint64_t generation = 1);
  // The answer to a request.
  std::optional<GotFrame> ask(Verb verb, std::string_view body, std::uint64_t target = 0);
  // Takes the socket out: it stays open without a client.
  int release();

 private:
  bool read_some(Duration limit);
  bool take_some();

  int fd_;
  ChannelPeer channel_;
  std::string raw_;
  std::uint32_t numbers_ = 0;
};

}  // namespace parley::test
