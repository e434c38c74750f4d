// Bytes that are no hello, no record, no frame (RELIABILITY §4.1, "before handshake" to "records"): the
// connection ends, always in the same way, and nobody else notices.
#include <fmt/format.h>

#include <functional>
#include <set>
#include <thread>

#include "base/random.h"
#include "proto/bytes.h"
#include "proto/limits.h"
#include "tests/e2e/bad_input/besieged_gateway.h"

namespace parley::test {
namespace {

using Attack = std::function<void(SocketClient&)>;

class Bytes : public BadClient {
 protected:
  struct Row {
    std::string what;
    Attack attack;
  };
  // Each on a connection of its own: it ends soon, and nothing was said to it.
  void expect_cut(const std::vector<Row>& rows) {
    for (const Row& row : rows) {
      SocketClient client = gateway().connect();
      row.attack(client);
      EXPECT_EQ(client.received_until_end(2s), "") << row.what;
      EXPECT_TRUE(client.ended(10ms)) << row.what;
    }
    expect_served();
  }
  // The same for those who have done their handshake, or logged in, before.
  void expect_cut_after(const std::function<bool(SocketClient&)>& beginning,
                        const std::vector<Row>& rows) {
    for (const Row& row : rows) {
      SocketClient client = gateway().connect();
      ASSERT_TRUE(beginning(client)) << row.what;
      row.attack(client);
      EXPECT_EQ(client.received_until_end(2s), "") << row.what;
      EXPECT_TRUE(client.ended(10ms)) << row.what;
    }
    expect_served();
  }
  bool logged_in(SocketClient& client) { return gateway().log_in(client, alice()); }
  double counted(const std::string& name) {
    return gateway().cluster().metric("gateway-1", "parley_gateway_" + name);
  }
};

Attack saying(std::string bytes) {
  return [bytes = std::move(bytes)](SocketClient& client) { client.send(bytes); };
}

std::string random_bytes(std::size_t size) {
  std::string bytes;
  while (bytes.size() < size) bytes += fmt::format("{:016x}", secure_random_id());
  return bytes.substr(0, size);
}

std::string replaced(std::string bytes, std::size_t at, std::string_view by) {
  return bytes.replace(at, by.size(), by);
}

std::string flipped(std::string bytes, std::size_t at) {
  bytes[at] = static_cast<char>(bytes[at] ^ 1);
  return bytes;
}

std::string length_prefix(std::size_t length) {
  return {static_cast<char>(length & 0xFF), static_cast<char>(length >> 8)};
}

// -- before the handshake

TEST_F(Bytes, OfOtherProtocolsEndTheConnectionAtOnce) {
  const std::string more(100, 'x');
  expect_cut({
      {"random", saying(random_bytes(4'096))},
      {"zeros", saying(std::string(4'096, '\0'))},
      {"ones", saying(std::string(4'096, '\xff'))},
      {"HTTP GET", saying("GET / HTTP/1.1\r\nHost: parley.example\r\nAccept: */*\r\n\r\n" + more)},
      {"HTTP POST", saying("POST /login HTTP/1.1\r\nContent-Length: 4294967295\r\n\r\n" + more)},
      {"a WebSocket's upgrade", saying("GET /chat HTTP/1.1\r\nUpgrade: websocket\r\nConnection: "
                                       "Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n")},
      {"HTTP/2", saying("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + more)},
      {"a TLS ClientHello",
       saying(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + more)},
      {"SSH", saying("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n" + more)},
      {"the PROXY protocol", saying("PROXY TCP4 10.0.0.1 10.0.0.2 35646 80\r\n" + more)},
      {"Redis", saying("*1\r\n$4\r\nPING\r\n" + more)},
      {"PostgreSQL", saying(std::string("\x00\x00\x00\x08\x04\xd2\x16\x2f", 8) + more)},
      {"ZMTP", saying(std::string("\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03\x00" "CURVE", 17) +
                      more)},
      {"SMTP", saying("EHLO mail.example.org\r\n" + more)},
  });
}

// All at once, since they take their time. What ends them is the gateway's patience of 3 and 5 s.
TEST_F(Bytes, ThatDoNotComeEndTheConnectionInTime) {
  struct Slow {
    const char* what;
    Attack attack;
    Duration at_least;
    Duration at_most;
  };
  const std::string hello = ChannelPeer(gateway().pin()).hello();
  const auto a_byte_a_second = [hello](SocketClient& client) {
    for (const char byte : hello) {
      client.send({&byte, 1});
      if (client.ended(1s)) return;
    }
  };
  const std::vector<Slow> rows{
      {"silence", [](SocketClient&) {}, 2'500ms, 4'500ms},
      {"a byte a second", a_byte_a_second, 4'500ms, 6'500ms},
      {"a hello without its end", saying(hello.substr(0, hello_bytes - 1)), 4'500ms, 6'500ms},
      {"the magic", saying("PRLY"), 4'500ms, 6'500ms},
      {"half-closed at once", [](SocketClient& client) { client.half_close(); }, 0ms, 1s},
      {"half-closed within the hello", [hello](SocketClient& client) {
         client.send(hello.substr(0, 20));
         client.half_close();
       }, 0ms, 1s},
      {"a reset", [](SocketClient& client) { client.reset(); }, 0ms, 1s},
      {"a reset within the hello", [hello](SocketClient& client) {
         client.send(hello.substr(0, 20));
         client.reset();
       }, 0ms, 1s},
      {"a reset after the hello", [hello](SocketClient& client) {
         client.send(hello);
         client.reset();
       }, 0ms, 1s},
  };
  std::vector<std::thread> threads;
  for (const Slow& row : rows)
    threads.emplace_back([&] {
      SocketClient client = gateway().connect();
      const Instant start = monotonic_now();
      row.attack(client);
      EXPECT_EQ(client.received_until_end(10s), "") << row.what;
      EXPECT_TRUE(client.ended(10ms)) << row.what;
      const Duration took = monotonic_now() - start;
      EXPECT_GE(took, row.at_least) << row.what;
      EXPECT_LE(took, row.at_most) << row.what;
    });
  for (std::thread& thread : threads) thread.join();
}

TEST_F(Bytes, OfAHandshakeWithoutALoginAreToldThatTimeIsUp) {
  SocketClient client = gateway().shaken();
  const Instant start = monotonic_now();
  EXPECT_EQ(outcome_of(client.receive(12s)), "close idle");
  EXPECT_GE(monotonic_now() - start, 9s);
  EXPECT_TRUE(client.ended(2s));
}

// -- the handshake

TEST_F(Bytes, OfAWrongHelloAreAllAnsweredInTheSameWayByNothing) {
  const auto hello = [&] { return ChannelPeer(gateway().pin()).hello(); };
  std::vector<Row> rows;
  const auto add = [&](const std::string& what, const std::string& bytes) {
    rows.push_back({what, saying(bytes)});
  };
  for (const int version : {0, 2, 255})
    add(fmt::format("version {}", version),
        replaced(hello(), 4, std::string(1, static_cast<char>(version))));
  for (const int transport : {0, 2, 3, 255})
    add(fmt::format("transport {}", transport),
        replaced(hello(), 5, std::string(1, static_cast<char>(transport))));
  add("another magic", replaced(hello(), 0, "PRLX"));
  add("the magic in small letters", replaced(hello(), 0, "prly"));
  const auto id = gateway().pin().id;
  for (const auto other : {std::uint16_t{0}, static_cast<std::uint16_t>(id + 1)})
    if (other != id)
      add(fmt::format("key id {}", other), replaced(hello(), 6, length_prefix(other)));
  ServerKey another = generate_server_key(id);
  add("another server's key under the id of ours", ChannelPeer(another).hello());
  // A pin whose id is another's: the transcript hash covers it.
  another = gateway().pin();
  another.id = static_cast<std::uint16_t>(id + 1);
  add("our key under another id", replaced(ChannelPeer(another).hello(), 6, length_prefix(id)));
  for (std::size_t at = 0; at < hello_bytes; ++at)
    add(fmt::format("a flipped bit in byte {}", at), flipped(hello(), at));
  const double failed = counted("handshakes_failed_total");
  expect_cut(rows);
  EXPECT_TRUE(eventually(2s, [&] {
    return counted("handshakes_failed_total") == failed + static_cast<double>(rows.size());
  })) << "each is counted";
}

TEST_F(Bytes, OfPointsOfLowOrderAreRefused) {
  const std::string zeros(31, '\0');
  const std::string ones(30, '\xff');
  const std::vector<std::string> points{
      std::string(32, '\0'),
      "\x01" + zeros,
      "\xec" + ones + "\x7f",
      "\xed" + ones + "\x7f",
      "\xee" + ones + "\x7f",
      "\xe0\xeb\x7a\x7c\x3b\x41\xb8\xae\x16\x56\xe3\xfa\xf1\x9f\xc4\x6a"
      "\xda\x09\x8d\xeb\x9c\x32\xb1\xfd\x86\x62\x05\x16\x5f\x49\xb8" + std::string(1, '\0'),
      "\x5f\x9c\x95\xbc\xa3\x50\x8c\x24\xb1\xd0\xb1\x55\x9c\x83\xef\x5b"
      "\x04\x44\x5c\xc4\x58\x1c\x8e\x86\xd8\x22\x4e\xdd\xd0\x9f\x11\x57",
      std::string(32, '\xff')};
  std::vector<Row> rows;
  for (const std::string& point : points)
    for (const int high_bit : {0, 0x80}) {
      std::string bytes = point;
      ASSERT_EQ(bytes.size(), 32U);
      bytes[31] = static_cast<char>(bytes[31] | high_bit);
      const std::string hello = ChannelPeer(gateway().pin()).hello();
      rows.push_back({"a point", saying(replaced(hello, 8, bytes))});
    }
  expect_cut(rows);
}

TEST_F(Bytes, ThatEndWithinTheHelloAreAnsweredByNothing) {
  std::vector<Row> rows;
  for (std::size_t size = 0; size < hello_bytes; ++size)
    rows.push_back({fmt::format("{} bytes", size), [&, size](SocketClient& client) {
                      client.send(client.channel().hello().substr(0, size));
                      client.half_close();
                    }});
  expect_cut(rows);
}

TEST_F(Bytes, BehindAGoodHelloAreARecordOrTheEnd) {
  // Read in one piece, they end the connection before the answer has left.
  const auto with = [](const std::string& more) {
    return [more](SocketClient& client) { client.send(client.channel().hello() + more); };
  };
  expect_cut({{"a record of zeros", with(length_prefix(64) + std::string(64, '\0'))},
              {"a record under no key", with(length_prefix(64) + random_bytes(64))},
              {"a frame in the clear", with(length_prefix(32) + "\x05" + std::string(31, '\0'))},
              {"another hello", with(ChannelPeer(gateway().pin()).hello())},
              {"a length of 0", with(std::string(2, '\0'))}});
}

TEST_F(Bytes, OfAnEarlierConnectionAreWorthNothing) {
  SocketClient first = gateway().connect();
  const std::string hello = first.channel().hello();
  ASSERT_TRUE(first.shake_hands());
  const std::string ping = first.channel().ping(1);
  ASSERT_TRUE(first.send(ping));
  ASSERT_TRUE(first.receive());
  std::set<std::string> answers;
  for (int i = 0; i < 3; ++i) {
    SocketClient again = gateway().connect();
    again.send(hello);
    answers.insert(again.received_until_end(200ms));
    again.send(ping);
    EXPECT_EQ(again.received_until_end(2s), "");
    EXPECT_TRUE(again.ended(10ms));
  }
  EXPECT_EQ(answers.size(), 3U) << "each has a key of its own";
}

// -- records

TEST_F(Bytes, OfRecordsOfTheWrongLengthEndTheConnectionBeforeTheyAreThere) {
  const auto shaken = [](SocketClient& client) { return client.shake_hands(); };
  std::vector<Row> rows;
  rows.push_back({"a second hello", [](SocketClient& client) {
                    client.send(client.channel().hello());
                  }});
  for (const std::size_t length : {0, 1, 15, 16, 31, 4'097, 5'000, 0x7fff, 0xffff})
    rows.push_back({fmt::format("{} before login", length), saying(length_prefix(length))});
  expect_cut_after(shaken, rows);
  rows.clear();
  for (const std::size_t length : {0, 1, 15, 16, 31})
    rows.push_back({fmt::format("{} after login", length), saying(length_prefix(length))});
  expect_cut_after([&](SocketClient& client) { return logged_in(client); }, rows);
}

TEST_F(Bytes, OfTheLargestRecordsAreTaken) {
  SocketClient client = gateway().shaken();
  const std::size_t overhead = limits::frame_header_bytes + limits::tag_bytes;
  const auto ping_of = [&](std::size_t record) {
    return client.channel().frame({.kind = FrameKind::ping, .number = 1},
                                  std::string(record - overhead, 'x'));
  };
  for (const std::size_t record :
       {std::size_t{32}, std::size_t{33}, limits::frame_before_login_max}) {
    ASSERT_TRUE(client.send(ping_of(record)));
    ASSERT_TRUE(client.receive()) << record;
  }
  SocketClient user = gateway().at(alice());
  ASSERT_TRUE(user.send(user.channel().frame({.kind = FrameKind::ping, .number = 1},
                                             std::string(limits::frame_body_max, 'x'))));
  EXPECT_TRUE(user.receive());
  EXPECT_EQ(outcome(user, Verb::c2c_send, std::string(limits::frame_body_max, 'x'), conversation()),
            "too_large");
}

TEST_F(Bytes, ThatAreOnlyAnnouncedCostNoMemory) {
  std::vector<SocketClient> clients;
  for (int i = 0; i < 200; ++i) {
    Account device = alice();
    device.device = DeviceId{static_cast<std::uint64_t>(i) + 1};
    clients.push_back(gateway().connect());
    ASSERT_TRUE(clients.back().shake_hands());
  }
  const std::size_t before = gateway().memory();
  for (SocketClient& client : clients) client.send(length_prefix(4'096) + "x");
  expect_served();
  EXPECT_LE(gateway().memory(), before + (256 << 10)) << "200 times 4 KiB are more";
}

TEST_F(Bytes, ArriveInAnyPieces) {
  for (std::size_t cut = 1; cut < hello_bytes + 34; ++cut) {
    SocketClient client = gateway().connect();
    const std::string hello = client.channel().hello();
    ASSERT_TRUE(client.send(hello.substr(0, cut)));
    if (cut < hello_bytes) {
      ASSERT_TRUE(client.send(hello.substr(cut)));
    }
    ASSERT_TRUE(client.shake_hands_without_hello());
    const std::string ping = client.channel().ping(7);
    const std::size_t at = cut < hello_bytes ? 1 : cut - hello_bytes;
    ASSERT_TRUE(client.send(ping.substr(0, at)));
    ASSERT_TRUE(client.send(ping.substr(at)));
    const auto pong = client.receive();
    ASSERT_TRUE(pong) << cut;
    EXPECT_EQ(pong->header.number, 7U);
  }
  SocketClient slow = gateway().connect();
  for (const char byte : slow.channel().hello()) ASSERT_TRUE(slow.send({&byte, 1}));
  ASSERT_TRUE(slow.shake_hands_without_hello());
  std::string two = slow.channel().ping(1);
  two += slow.channel().ping(2);
  ASSERT_TRUE(slow.send(two));
  for (const std::uint32_t number : {1U, 2U}) {
    const auto pong = slow.receive();
    ASSERT_TRUE(pong);
    EXPECT_EQ(pong->header.number, number);
  }
}

TEST_F(Bytes, OfARecordThatDoesNotOpenEndTheConnectionForGood) {
  const auto attack = [](const std::function<std::string(ChannelPeer&)>& bytes) {
    return [bytes](SocketClient& client) { client.send(bytes(client.channel())); };
  };
  const auto ask = [](ChannelPeer& peer) { return peer.ping(1); };
  std::vector<Row> rows;
  for (std::size_t at = 2; at < 34; ++at)
    rows.push_back({fmt::format("a flipped bit in byte {}", at),
                    attack([=](ChannelPeer& peer) { return flipped(ask(peer), at); })});
  rows.insert(
      rows.end(),
      {{"a byte less than announced, from the next one", attack([=](ChannelPeer& peer) {
          const std::string record = ask(peer);
          return record.substr(0, record.size() - 1) + ask(peer);
        })},
       {"a length that says less", attack([=](ChannelPeer& peer) {
          return replaced(peer.frame({.kind = FrameKind::ping}, "more"), 0, length_prefix(33));
        })},
       {"out of order", attack([=](ChannelPeer& peer) {
          const std::string first = ask(peer);
          return ask(peer) + first;
        })},
       {"one left out", attack([=](ChannelPeer& peer) {
          ask(peer);
          return ask(peer);
        })},
       {"a good one after a bad one", attack([=](ChannelPeer& peer) {
          const std::string bad = flipped(ask(peer), 20);
          return bad + ask(peer);
        })},
       {"the same after the bad one", attack([=](ChannelPeer& peer) {
          const std::string record = ask(peer);
          return flipped(record, 20) + record;
        })},
       {"a frame in the clear", saying(length_prefix(32) + "\x05" + std::string(31, '\0'))},
       {"kind 0", attack([](ChannelPeer& peer) {
          return peer.frame({.kind = static_cast<FrameKind>(0)});
        })},
       {"kind 9", attack([](ChannelPeer& peer) {
          return peer.frame({.kind = static_cast<FrameKind>(9)});
        })},
       {"kind 255", attack([](ChannelPeer& peer) {
          return peer.frame({.kind = static_cast<FrameKind>(255)});
        })},
       {"flags", attack([](ChannelPeer& peer) {
          return peer.frame({.kind = FrameKind::ping, .flags = 1});
        })}});
  expect_cut_after([](SocketClient& client) { return client.shake_hands(); }, rows);
  expect_cut_after([&](SocketClient& client) { return logged_in(client); }, rows);
}

TEST_F(Bytes, OfARecordThatComesTwiceEndTheConnection) {
  SocketClient client = gateway().at(alice());
  const std::string ping = client.channel().ping(5);
  ASSERT_TRUE(client.send(ping));
  ASSERT_TRUE(client.receive()) << "the first is good";
  ASSERT_TRUE(client.send(ping));
  EXPECT_EQ(client.received_until_end(), "");
}

TEST_F(Bytes, OfFramesThatAClientDoesNotSendAreToldSo) {
  for (const FrameKind kind : {FrameKind::reply, FrameKind::error, FrameKind::notice}) {
    SocketClient client = gateway().at(alice());
    ASSERT_TRUE(client.send(client.channel().frame({.kind = kind, .number = 1})));
    EXPECT_EQ(outcome_of(client.receive()), "close bad_frame");
    EXPECT_TRUE(client.ended(2s));
  }
}

TEST_F(Bytes, BehindTheLastFrameAreNotRead) {
  SocketClient client = gateway().at(alice());
  std::string bytes = client.channel().frame({.kind = FrameKind::close});
  bytes += client.channel().request(Verb::c2c_send, 9, send_body("too late"), conversation());
  ASSERT_TRUE(client.send(bytes));
  EXPECT_EQ(outcome_of(client.receive()), "close");
  EXPECT_EQ(outcome_of(client.receive()), "closed");
}

}  // namespace
}  // namespace parley::test
