// The rule of bus/uv_socket.h, and that code which does without it loses messages.
#include "bus/uv_socket.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include <optional>
#include <thread>

#include "tests/integration/bus/rig.h"

namespace parley::test {
namespace {

constexpr int messages = 60'000;

// A connected pair of DEALERs: what the far end sends arrives at the near end, and the other way round.
struct Wire {
  explicit Wire(Loop& l) : loop(l) {
    near = ZmqSocket::router(context, {});
    EXPECT_TRUE(near->bind("ipc://" + dir.path() + "/wire", 0600).has_value());
    far = ZmqSocket::dealer(context, {.identity = "far"});
    EXPECT_TRUE(far->connect("ipc://" + dir.path() + "/wire").has_value());
    ZmqMessage hello;
    EXPECT_TRUE(eventually(5s, [&] { return far->send("hello") == SendStatus::sent; }));
    EXPECT_TRUE(eventually(5s, [&] { return near->receive(hello); }));
  }

  Loop& loop;
  TempDir dir;
  ZmqContext context;
  std::optional<ZmqSocket> near, far;
};

// What is received is kept, moved, by whoever it is for: a queue of small ones must not pin what large ones
// needed.
TEST(ZmqSocket, WhatIsReceivedHasNoRoomLeftFromTheMessageBefore) {
  Loop loop;
  Wire wire(loop);
  ZmqMessage message;
  for (const std::size_t size : {60'000, 300}) {
    ASSERT_EQ(wire.far->send(std::string(size, 'x')), SendStatus::sent);
    ASSERT_TRUE(eventually(5s, [&] { return wire.near->receive(message); }));
    EXPECT_EQ(message.bytes.size(), size);
    EXPECT_LE(message.bytes.capacity(), size + 64);
  }
}

// No timer turns this loop: a lost wake-up would leave it blocked until the deadline.
TEST(UvSocket, ReceivesEveryMessageWhileItSendsInBetween) {
  Loop loop;
  Wire wire(loop);
  int received = 0;
  UvSocket* self = nullptr;
  UvSocket socket(loop, *std::move(wire.near), 64,
                  {.read_one = [&](ZmqSocket& zmq) {
                    ZmqMessage message;
                    if (!zmq.receive(message)) return false;
                    if (++received % 10 == 0) self->for_sending().send_to("far", "y");
                    if (received == messages) loop.stop();
                    return true;
                  }});
  self = &socket;
  // Started later it runs before the socket's own turn, started earlier after it: both must be safe.
  BeforeBlock late(loop, [&] { socket.for_sending().send_to("far", "z"); });
  std::thread far([zmq = *std::move(wire.far)]() mutable {
    ZmqMessage back;
    for (int sent = 0; sent < messages;) {
      if (zmq.send("x") == SendStatus::sent) ++sent;
      while (zmq.receive(back)) {}
      if (sent % 40 == 0) std::this_thread::yield();
    }
    zmq.set_linger(10s);
  });
  Timer deadline(loop, [&] { loop.stop(); });
  deadline.once(20s);
  loop.run();
  far.join();
  EXPECT_EQ(received, messages);
}

// A send after the loop was told to block, of which nothing else would wake it.
TEST(UvSocket, SeesWhatArrivedWithASendJustBeforeBlocking) {
  Loop loop;
  Wire wire(loop);
  int received = 0;
  std::unique_ptr<UvSocket> socket;
  int rounds = 0;
  // Runs after the socket's prepare, since it was started before: waits until a message is there, then
  // sends, which makes ZeroMQ take notice of the message and swallow its signal.
  BeforeBlock late(loop, [&] {
    if (++rounds > 100) return;
    ASSERT_EQ(wire.far->send("x"), SendStatus::sent);
    ZmqSocket& sending = socket->for_sending();
    EXPECT_TRUE(eventually(5s, [&] { return sending.readable(); }));
    sending.send_to("far", "y");
  });
  socket = std::make_unique<UvSocket>(
      loop, *std::move(wire.near), 64, UvSocket::Handlers{.read_one = [&](ZmqSocket& zmq) {
        ZmqMessage message;
        if (!zmq.receive(message)) return false;
        if (++received == 100) loop.stop();
        return true;
      }});
  Timer deadline(loop, [&] { loop.stop(); });
  deadline.once(10s);
  loop.run();
  EXPECT_EQ(received, 100);
  socket.reset();
}

TEST(UvSocket, DoesNotSpinWhenNothingHappens) {
  Loop loop;
  Wire wire(loop);
  int turns = 0;
  UvSocket socket(loop, *std::move(wire.near), 64,
                  {.read_one =
                       [](ZmqSocket& zmq) {
                         ZmqMessage message;
                         return zmq.receive(message);
                       },
                   .before_block =
                       [&](ZmqSocket&) {
                         ++turns;
                         return false;
                       }});
  socket.for_sending().send_to("far", "y");
  Timer end(loop, [&] { loop.stop(); });
  end.once(300ms);
  loop.run();
  EXPECT_LT(turns, 20);
}

// ZeroMQ tells monitors of disconnections while it holds a lock, which a socket needs to end.
TEST(Monitor, ThatNobodyReadsHoldsUpNeitherItsSocketNorTheEndOfIt) {
  TempDir dir;
  const std::string endpoint = "ipc://" + dir.path() + "/wire";
  ZmqContext context;
  std::optional<ZmqSocket> watched = ZmqSocket::router(context, {});
  const ZmqSocket monitor = watched->monitor(context);
  ASSERT_TRUE(watched->bind(endpoint, 0600));
  for (int round = 0; round < 60; ++round) {
    ZmqContext far;
    std::vector<ZmqSocket> peers;
    for (int i = 0; i < 50; ++i) {
      peers.push_back(ZmqSocket::dealer(far, {.identity = fresh_identity('p')}));
      ASSERT_TRUE(peers.back().connect(endpoint));
    }
    for (ZmqSocket& peer : peers)
      ASSERT_TRUE(eventually(5s, [&] { return peer.send("x") == SendStatus::sent; }));
  }
  watched.reset();
}

// What everybody writes first: read one message per readable event, and send when there is something to say.
// The edge is lost and messages stay in the socket, although more keep arriving.
TEST(NaivePolling, LosesTheWakeUp) {
  Loop loop;
  Wire wire(loop);
  struct Naive {
    ZmqSocket* socket;
    int received = 0;
  } naive{&*wire.near};
  uv_poll_t poll;
  ASSERT_EQ(uv_poll_init(loop.raw(), &poll, wire.near->descriptor()), 0);
  poll.data = &naive;
  uv_poll_start(&poll, UV_READABLE, [](uv_poll_t* handle, int, int) {
    auto* self = static_cast<Naive*>(handle->data);
    ZmqMessage message;
    if (self->socket->receive(message)) {
      ++self->received;
      self->socket->send_to("far", "y");
    }
  });
  for (int i = 0; i < 1'000; ++i)
    ASSERT_TRUE(eventually(5s, [&] { return wire.far->send("x") == SendStatus::sent; }));
  EXPECT_FALSE(run_until(loop, 500ms, [&] { return naive.received == 1'000; }));
  EXPECT_LT(naive.received, 1'000);
  uv_poll_stop(&poll);
  uv_close(reinterpret_cast<uv_handle_t*>(&poll), nullptr);
}

TEST(ZmqSocket, RefusesAnAddressOnWhichSomebodyListens) {
  ZmqContext context;
  TempDir dir;
  const std::string endpoint = "ipc://" + dir.path() + "/socket";
  auto first = ZmqSocket::router(context, {});
  ASSERT_TRUE(first.bind(endpoint, 0600).has_value());
  EXPECT_EQ(std::filesystem::status(dir.path() + "/socket").permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  auto second = ZmqSocket::router(context, {});
  const Status refused = second.bind(endpoint, 0600);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::io);
  EXPECT_NE(refused.error().detail.find("Address already in use"), std::string::npos);

  ASSERT_TRUE(first.bind("tcp://127.0.0.1:*", 0).has_value());
  EXPECT_FALSE(second.bind(first.bound_endpoint(), 0).has_value());
}

TEST(ZmqSocket, ReplacesTheFileOfADeadProcess) {
  ZmqContext context;
  TempDir dir;
  const std::string path = dir.path() + "/socket";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(fd);
  ASSERT_TRUE(std::filesystem::exists(path));
  auto next = ZmqSocket::router(context, {});
  EXPECT_TRUE(next.bind("ipc://" + path, 0600).has_value());
}

TEST(ZmqSocket, SaysThatNobodyIsThere) {
  ZmqContext context;
  TempDir dir;
  auto router = ZmqSocket::router(context, {});
  ASSERT_TRUE(router.bind("ipc://" + dir.path() + "/socket", 0600).has_value());
  EXPECT_EQ(router.send_to("nobody", "x"), SendStatus::unreachable);
  auto dealer = ZmqSocket::dealer(context, {.identity = "d"});
  ASSERT_TRUE(dealer.connect("ipc://" + dir.path() + "/nowhere").has_value());
  EXPECT_EQ(dealer.send("x"), SendStatus::full) << "nothing waits for a broker that is not there";
  EXPECT_FALSE(dealer.connect("nonsense").has_value());
}

}  // namespace
}  // namespace parley::test
