// Our channel as a program, for peers that are not ours to talk to (channel_interop_test.py).
//   channel_peer serve SECRET KEY_ID         prints its port; answers each request of one connection with
//                                            a reply of the same body, until the close frame
//   channel_peer call PORT PUBLIC KEY_ID     sends bodies of many sizes and expects each back
// Its clock goes an hour with each frame that it sends, so that every one comes after a rekey.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "base/assert.h"
#include "base/random.h"
#include "proto/channel.h"
#include "proto/limits.h"
#include "tests/support/ipv4.h"
#include "tests/unit/proto/hex.h"

namespace parley {
namespace {

constexpr int exit_broken = 3;  // the peer did not keep to the protocol

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {
    PARLEY_ASSERT(fd_ >= 0);
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    PARLEY_ASSERT(setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
  }
  ~Socket() { close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int fd() const { return fd_; }
  void write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return;  // the peer has gone; the next read says so
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  // Nothing: the stream ended before that.
  std::optional<std::string> read(std::size_t size) const {
    std::string bytes(size, '\0');
    if (size == 0) return bytes;
    const ssize_t n = ::recv(fd_, bytes.data(), size, MSG_WAITALL);
    return n == static_cast<ssize_t>(size) ? std::optional{bytes} : std::nullopt;
  }

 private:
  int fd_;
};

class Peer {
 public:
  Peer(const Socket& socket, Channel channel) : socket_(socket), channel_(std::move(channel)) {}

  void send(const FrameHeader& header, std::string_view body) {
    now_ += std::chrono::milliseconds(limits::rekey_after_ms);
    std::string out;
    channel_.seal(header, body, out, now_);
    socket_.write(out);
  }

  // Nothing: the stream ended, or was not what it should be. The body stays valid until the next call.
  std::optional<Frame> receive() {
    while (true) {
      const auto prefix = socket_.read(limits::record_prefix_bytes);
      if (!prefix) return std::nullopt;
      const auto length = record_length(*prefix, limits::record_max);
      if (!length) return std::nullopt;
      auto sealed = socket_.read(**length);
      if (!sealed) return std::nullopt;
      sealed_ = std::move(*sealed);
      const auto frame = channel_.open(sealed_);
      if (!frame) return std::nullopt;
      if (*frame) return **frame;
    }
  }

 private:
  const Socket& socket_;
  Channel channel_;
  Instant now_{};
  std::string sealed_;
};

SecretKey fresh_ephemeral() {
  SecretKey key{};
  secure_random(key);
  return key;
}

int echo(Peer& peer) {
  while (const auto frame = peer.receive()) {
    if (frame->header.kind == FrameKind::close) {
      peer.send({.kind = FrameKind::close}, {});
      return 0;
    }
    FrameHeader reply = frame->header;
    reply.kind = frame->header.kind == FrameKind::ping ? FrameKind::pong : FrameKind::reply;
    peer.send(reply, frame->body);
  }
  return exit_broken;
}

int serve(const SecretKey& secret, std::uint16_t key_id) {
  const Socket listener(socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address = test::ipv4(INADDR_LOOPBACK, 0);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  PARLEY_ASSERT(bind(listener.fd(), generic, size) == 0 && listen(listener.fd(), 1) == 0);
  PARLEY_ASSERT(getsockname(listener.fd(), generic, &size) == 0);
  std::printf("%d\n", ntohs(address.sin_port));
  std::fflush(stdout);

  const Socket client(accept(listener.fd(), nullptr, nullptr));
  const ServerKey key{key_id, public_key_of(secret), secret};
  const auto hello = client.read(hello_bytes);
  if (!hello) return exit_broken;
  auto accepted = accept_hello(*hello, {&key, 1}, Transport::tcp, fresh_ephemeral(), Instant{});
  if (!accepted) return exit_broken;
  client.write(accepted->answer);
  Peer peer(client, std::move(accepted->channel));
  return echo(peer);
}

bool comes_back(Peer& peer, std::uint32_t number, const std::string& body) {
  peer.send({.kind = FrameKind::request, .verb = 0x0201, .number = number}, body);
  const auto frame = peer.receive();
  return frame && frame->header.kind == FrameKind::reply && frame->header.number == number &&
         frame->body == body;
}

int call(std::uint16_t port, const PinnedKey& pin) {
  const Socket server(socket(AF_INET, SOCK_STREAM, 0));
  const sockaddr_in address = test::ipv4(INADDR_LOOPBACK, port);
  PARLEY_ASSERT(connect(server.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
                0);
  auto initiator = Initiator::start(pin, Transport::tcp, fresh_ephemeral());
  if (!initiator) return exit_broken;
  server.write(initiator->hello());
  const auto answer = server.read(answer_bytes);
  if (!answer) return exit_broken;
  auto channel = initiator->finish(*answer, Instant{});
  if (!channel) return exit_broken;
  Peer peer(server, std::move(*channel));
  std::uint32_t number = 0;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1000},
                                 limits::frame_body_max}) {
    if (!comes_back(peer, ++number, std::string(size, 'b'))) return exit_broken;
  }
  peer.send({.kind = FrameKind::close}, {});
  const auto last = peer.receive();
  return last && last->header.kind == FrameKind::close ? 0 : exit_broken;
}

}  // namespace
}  // namespace parley

int main(int argc, char** argv) {
  using namespace parley;
  const std::vector<std::string> words(argv + 1, argv + argc);
  init_crypto();
  if (words.size() == 3 && words[0] == "serve")
    return serve(test::array_of<32>(words[1]), static_cast<std::uint16_t>(std::stoul(words[2])));
  if (words.size() == 4 && words[0] == "call")
    return call(static_cast<std::uint16_t>(std::stoul(words[1])),
                {static_cast<std::uint16_t>(std::stoul(words[3])), test::array_of<32>(words[2])});
  std::fprintf(stderr, "usage: channel_peer serve SECRET KEY_ID | call PORT PUBLIC KEY_ID\n");
  return 2;
}
