// Connection on a real socket, against a server end made of proto/channel.h and a thread.
#include "client/connection.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <thread>

#include "client/sync_client.h"
#include "proto/limits.h"
#include "tests/support/ipv4.h"

namespace parley::client {
namespace {

// Accepts one connection; what it does with it is up to the test. Blocks in a thread of its own.
class Server {
 public:
  Server() : key_(generate_server_key(7)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = test::ipv4(INADDR_LOOPBACK, 0);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~Server() {
    finish();
    close(listener_);
  }
  // Waits for the end of what serve() has begun; what it has written is ours then.
  void finish() {
    if (thread_.joinable()) thread_.join();
  }

  Endpoint endpoint() const { return {"127.0.0.1", port_}; }
  PinnedKey pin() const { return {key_.id, key_.public_key}; }

  // Runs `body(socket)` for the next connection.
  void serve(std::function<void(int)> body) {
    thread_ = std::jthread([this, body = std::move(body)] {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      const timeval limit{.tv_sec = 10, .tv_usec = 0};
      setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
      body(fd);
      close(fd);
    });
  }

  Channel handshake(int fd) {
    const std::string hello = read_exactly(fd, hello_bytes);
    SecretKey ephemeral{1, 2, 3};
    auto accepted = accept_hello(hello, std::span(&key_, 1), Transport::tcp, ephemeral, Instant{});
    EXPECT_TRUE(accepted.has_value());
    write_all(fd, accepted->answer);
    return std::move(accepted->channel);
  }

  static std::string read_exactly(int fd, std::size_t size) {
    std::string bytes(size, '\0');
    EXPECT_EQ(recv(fd, bytes.data(), size, MSG_WAITALL), static_cast<ssize_t>(size));
    return bytes;
  }
  // Nothing: the connection has ended.
  static std::optional<std::string> read_record(int fd) {
    char prefix[2];
    if (recv(fd, prefix, 2, MSG_WAITALL) != 2) return std::nullopt;
    const auto length = record_length({prefix, 2}, limits::record_max).value().value();
    return read_exactly(fd, length);
  }
  static void write_all(int fd, std::string_view bytes) {
    EXPECT_EQ(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }

 private:
  ServerKey key_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::jthread thread_;
};

class Recorder : public Connection::Handler {
 public:
  void on_open() override {
    ++opened;
    if (then) then();
  }
  void on_frame(const Frame& frame) override {
    bodies.emplace_back(frame.body);
    if (on_each) on_each();
  }
  void on_closed(const Error& why) override { closed.push_back(why); }

  int opened = 0;
  std::vector<std::string> bodies;
  std::vector<Error> closed;
  std::function<void()> then;
  std::function<void()> on_each;
};

class ConnectionTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { init_crypto(); }
  bool until(const std::function<bool()>& condition) {
    // What the server's thread does wakes no loop.
    Timer look(loop, [] {});
    look.every(2ms);
    return run_until(loop, 10s, condition);
  }
  bool until_closed() {
    return until([&] { return !handler.closed.empty(); });
  }

  Server server;
  Loop loop;
  Network network{loop};
  Recorder handler;
  Connection connection{network, handler};
};

constexpr FrameHeader header{.kind = FrameKind::notice, .verb = 1};

TEST_F(ConnectionTest, FramesArriveWholeHoweverTheBytesAreCut) {
  server.serve([&](int fd) {
    Channel channel = server.handshake(fd);
    std::string bytes;
    for (std::size_t i = 0; i < 50; ++i)
      channel.seal(header, std::string(i * 7, 'x'), bytes, Instant{});
    for (std::size_t at = 0, step = 1; at < bytes.size(); at += step, step = step % 97 + 1)
      Server::write_all(fd, std::string_view(bytes).substr(at, step));
    Server::read_record(fd);
  });
  connection.open(server.endpoint(), server.pin());
  ASSERT_TRUE(until([&] { return handler.bodies.size() == 50; }));
  for (std::size_t i = 0; i < 50; ++i) EXPECT_EQ(handler.bodies[i], std::string(i * 7, 'x'));
  connection.close();
}

TEST_F(ConnectionTest, SaysGoodbyeAfterEverythingThatWasSent) {
  std::vector<FrameKind> seen;
  std::size_t bytes = 0;
  server.serve([&](int fd) {
    Channel channel = server.handshake(fd);
    while (auto record = Server::read_record(fd)) {
      const auto frame = channel.open(*record);
      ASSERT_TRUE(frame.has_value());
      seen.push_back((*frame)->header.kind);
      bytes += (*frame)->body.size();
    }
  });
  handler.then = [&] {
    for (int i = 0; i < 3; ++i)
      connection.send({.kind = FrameKind::request, .verb = 1}, std::string(1000, 'x'));
    connection.close();
  };
  connection.open(server.endpoint(), server.pin());
  ASSERT_TRUE(until([&] { return handler.opened == 1; }));
  server.finish();
  ASSERT_EQ(seen.size(), 4U);
  EXPECT_EQ(seen.back(), FrameKind::close);
  EXPECT_EQ(bytes, 3000U);
  EXPECT_TRUE(handler.closed.empty()) << "we ended it ourselves";
}

TEST_F(ConnectionTest, AForgedRecordEndsIt) {
  server.serve([&](int fd) {
    Channel channel = server.handshake(fd);
    std::string bytes;
    channel.seal(header, "good", bytes, Instant{});
    channel.seal(header, "forged", bytes, Instant{});
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    Server::write_all(fd, bytes);
    Server::read_record(fd);
  });
  connection.open(server.endpoint(), server.pin());
  ASSERT_TRUE(until_closed());
  EXPECT_THAT(handler.bodies, testing::ElementsAre("good"));
  EXPECT_EQ(handler.closed[0].code, Errc::bad_frame);
  EXPECT_FALSE(connection.is_open());
}

TEST_F(ConnectionTest, AnAnswerFromAnotherKeyEndsIt) {
  server.serve([&](int fd) {
    Server::read_exactly(fd, hello_bytes);
    Server::write_all(fd, std::string(answer_bytes, 'x'));
    Server::read_record(fd);
  });
  connection.open(server.endpoint(), server.pin());
  ASSERT_TRUE(until_closed());
  EXPECT_EQ(handler.opened, 0);
  EXPECT_EQ(handler.closed[0].code, Errc::bad_frame);
}

TEST_F(ConnectionTest, RefusedUnresolvedAndCutConnectionsAreTold) {
  connection.open({"127.0.0.1", 1}, server.pin());
  ASSERT_TRUE(until_closed());
  EXPECT_EQ(handler.closed[0].code, Errc::disconnected);

  connection.open({"no-such-host.invalid", 1}, server.pin());
  ASSERT_TRUE(until([&] { return handler.closed.size() == 2; }));
  EXPECT_EQ(handler.closed[1].code, Errc::disconnected);

  server.serve([&](int fd) { server.handshake(fd); });
  connection.open(server.endpoint(), server.pin());
  ASSERT_TRUE(until([&] { return handler.closed.size() == 3; }));
  EXPECT_EQ(handler.opened, 1);
}

TEST_F(ConnectionTest, AHostThatHasANameIsFound) {
  server.serve([&](int fd) {
    server.handshake(fd);
    Server::read_record(fd);
  });
  // "localhost" may be ::1 first, where nobody listens: the next attempt takes the next address.
  connection.open({"localhost", server.endpoint().port}, server.pin());
  until([&] { return handler.opened == 1 || !handler.closed.empty(); });
  if (handler.opened == 0) connection.open({"localhost", server.endpoint().port}, server.pin());
  EXPECT_TRUE(until([&] { return handler.opened == 1; }));
  connection.close();
}

TEST_F(ConnectionTest, AGatewayThatDoesNotReadIsLeftAtTheBound) {
  std::promise<void> done;
  server.serve([&](int fd) {
    server.handshake(fd);
    done.get_future().wait();
  });
  std::size_t largest = 0;
  connection.open(server.endpoint(), server.pin());
  ASSERT_TRUE(until([&] { return handler.opened == 1; }));
  EXPECT_TRUE(until([&] {
    for (int i = 0; i < 8; ++i)
      connection.send({.kind = FrameKind::request, .verb = 1}, std::string(60'000, 'x'));
    largest = std::max(largest, connection.unsent_bytes());
    return !handler.closed.empty();
  }));
  done.set_value();
  EXPECT_EQ(handler.closed[0].code, Errc::slow_consumer);
  EXPECT_LE(largest, Connection::unsent_max + 8 * 65'000);
}

TEST_F(ConnectionTest, AHandlerMayCloseAndReopenFromWithinAFrame) {
  server.serve([&](int fd) {
    Channel channel = server.handshake(fd);
    std::string bytes;
    for (int i = 0; i < 10; ++i) channel.seal(header, "x", bytes, Instant{});
    Server::write_all(fd, bytes);
    while (Server::read_record(fd)) {
    }
  });
  handler.on_each = [&] { connection.open({"127.0.0.1", 1}, server.pin()); };
  connection.open(server.endpoint(), server.pin());
  ASSERT_TRUE(until_closed());
  EXPECT_EQ(handler.bodies.size(), 1U) << "frames of a connection that was ended are nobody's";
}

TEST_F(ConnectionTest, BytesForTestsOfBadInputGoOutAsTheyAre) {
  std::string seen;
  server.serve([&](int fd) {
    server.handshake(fd);
    seen = Server::read_exactly(fd, 7);
  });
  handler.then = [&] { connection.write_unsealed("garbage"); };
  connection.open(server.endpoint(), server.pin());
  EXPECT_TRUE(until_closed());
  server.finish();
  EXPECT_EQ(seen, "garbage");
}

}  // namespace
}  // namespace parley::client
