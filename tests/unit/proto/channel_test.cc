#include "proto/channel.h"

#include <gtest/gtest.h>

#include "proto/bytes.h"
#include "proto/limits.h"
#include "proto/noise.h"
#include "tests/unit/proto/hex.h"

namespace parley {
namespace {

using test::hex;

constexpr Instant start{};

SecretKey secret(std::uint8_t first) {
  SecretKey key{};
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(first + i);
  return key;
}

ServerKey server_key(std::uint16_t id, std::uint8_t first) {
  return {.id = id, .public_key = public_key_of(secret(first)), .secret_key = secret(first)};
}

// A client and a server with fixed keys, so that a failure repeats.
class Handshake : public testing::Test {
 protected:
  Handshake() {
    init_crypto();
    keys_ = {server_key(7, 10), server_key(8, 60)};
  }

  Result<Initiator> initiator(Transport transport = Transport::tcp) const {
    return Initiator::start({keys_[0].id, keys_[0].public_key}, transport, secret(100));
  }
  Result<Accepted> accept(std::string_view hello, Transport transport = Transport::tcp) const {
    return accept_hello(hello, keys_, transport, secret(150), start);
  }
  void expect_refused(std::string_view hello, Transport transport = Transport::tcp) const {
    const auto accepted = accept(hello, transport);
    ASSERT_FALSE(accepted) << hex(hello);
    EXPECT_EQ(accepted.error().code, Errc::bad_frame);
    EXPECT_EQ(accepted.error().detail, "handshake") << "a prober could tell causes apart";
  }

  std::vector<ServerKey> keys_;
};

struct Pair {
  Channel client;
  Channel server;
};

class Records : public Handshake {
 protected:
  Records() : pair_(connect()) {}

  Pair connect() const {
    auto client = initiator();
    auto server = accept(client->hello());
    auto channel = client->finish(server->answer, start);
    return {std::move(*channel), std::move(server->channel)};
  }

  // The sealed bytes of one record, without its prefix.
  static std::string sealed(Channel& from, std::string_view body, Instant now = start) {
    std::string out;
    from.seal({.kind = FrameKind::request, .verb = 0x0201, .number = 5}, body, out, now);
    return out.substr(limits::record_prefix_bytes);
  }
  static Result<std::optional<Frame>> open(Channel& to, std::string& bytes) {
    return to.open(bytes);
  }
  static void expect_refused(Channel& to, std::string bytes) {
    const auto frame = open(to, bytes);
    ASSERT_FALSE(frame);
    EXPECT_EQ(frame.error().code, Errc::bad_frame);
  }
  static void expect_opens(Channel& to, std::string bytes, std::string_view body) {
    const auto frame = open(to, bytes);
    ASSERT_TRUE(frame) << frame.error().detail;
    ASSERT_TRUE(*frame);
    EXPECT_EQ((*frame)->body, body);
  }

  Pair pair_;
};

TEST_F(Handshake, OpensAChannelThatCarriesFramesBothWays) {
  auto client = initiator();
  ASSERT_TRUE(client);
  EXPECT_EQ(client->hello().size(), hello_bytes);
  auto server = accept(client->hello());
  ASSERT_TRUE(server);
  EXPECT_EQ(server->answer.size(), answer_bytes);
  auto channel = client->finish(server->answer, start);
  ASSERT_TRUE(channel);

  const FrameHeader header{FrameKind::request, 0, 0x0201, 77, 0x1122334455667788};
  std::string out;
  channel->seal(header, "to the server", out, start);
  ASSERT_EQ(load<std::uint16_t>(out, 0), out.size() - limits::record_prefix_bytes);
  std::string bytes = out.substr(limits::record_prefix_bytes);
  const auto at_server = server->channel.open(bytes);
  ASSERT_TRUE(at_server && *at_server);
  EXPECT_EQ((*at_server)->header, header);
  EXPECT_EQ((*at_server)->body, "to the server");

  out.clear();
  server->channel.seal({.kind = FrameKind::reply, .number = 77}, "to the client", out, start);
  bytes = out.substr(limits::record_prefix_bytes);
  const auto at_client = channel->open(bytes);
  ASSERT_TRUE(at_client && *at_client);
  EXPECT_EQ((*at_client)->body, "to the client");
}

TEST_F(Handshake, WorksWithEitherOfTheServersKeys) {
  auto client = Initiator::start({8, keys_[1].public_key}, Transport::tcp, secret(100));
  ASSERT_TRUE(client);
  EXPECT_TRUE(accept(client->hello()));
}

TEST_F(Handshake, RefusesAHelloInWhichAnyBitWasFlipped) {
  const std::string hello = initiator()->hello();
  for (std::size_t bit = 0; bit < hello.size() * 8; ++bit) {
    std::string flipped = hello;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    // X25519 ignores this bit (RFC 7748 §5), but the transcript does not: the tag fails.
    expect_refused(flipped);
  }
}

TEST_F(Handshake, RefusesAnAnswerInWhichAnyBitWasFlipped) {
  const std::string answer = accept(initiator()->hello())->answer;
  for (std::size_t bit = 0; bit < answer.size() * 8; ++bit) {
    std::string flipped = answer;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    const auto channel = initiator()->finish(flipped, start);
    ASSERT_FALSE(channel) << bit;
    EXPECT_EQ(channel.error().code, Errc::bad_frame);
    EXPECT_EQ(channel.error().detail, "handshake");
  }
}

TEST_F(Handshake, IsBoundToTheTransport) {
  expect_refused(initiator(Transport::websocket)->hello(), Transport::tcp);
  expect_refused(initiator(Transport::tcp)->hello(), Transport::websocket);
  EXPECT_TRUE(accept(initiator(Transport::websocket)->hello(), Transport::websocket));
}

TEST_F(Handshake, RefusesAKeyIdThatTheServerDoesNotHave) {
  const auto client = Initiator::start({9, keys_[0].public_key}, Transport::tcp, secret(100));
  expect_refused(client->hello());
}

TEST_F(Handshake, RefusesAnotherServersKeyUnderAValidId) {
  const auto client =
      Initiator::start({7, public_key_of(secret(200))}, Transport::tcp, secret(100));
  expect_refused(client->hello());
}

TEST_F(Handshake, ClientRefusesAnAnswerOfSomebodyElse) {
  auto client = initiator();
  const std::vector<ServerKey> impostor{server_key(7, 201)};
  auto other = Initiator::start({7, impostor[0].public_key}, Transport::tcp, secret(100));
  const auto answer = accept_hello(other->hello(), impostor, Transport::tcp, secret(1), start);
  ASSERT_TRUE(answer);
  EXPECT_FALSE(client->finish(answer->answer, start));
}

TEST_F(Handshake, ClientRefusesTheAnswerToAnotherHello) {
  auto other = Initiator::start({7, keys_[0].public_key}, Transport::tcp, secret(101));
  const auto answer = accept(other->hello());
  ASSERT_TRUE(answer);
  EXPECT_FALSE(initiator()->finish(answer->answer, start));
}

// The points whose product with every secret is zero (those that libsodium 1.0.18 lists).
constexpr const char* low_order_points[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

TEST_F(Handshake, ServerRefusesLowOrderPoints) {
  for (const char* point : low_order_points) {
    std::string hello = initiator()->hello();
    hello.replace(8, 32, test::unhex(point));
    expect_refused(hello);
  }
}

TEST_F(Handshake, ClientRefusesToPinALowOrderPoint) {
  for (const char* point : low_order_points) {
    const auto client =
        Initiator::start({7, test::array_of<32>(point)}, Transport::tcp, secret(100));
    ASSERT_FALSE(client) << point;
    EXPECT_EQ(client.error().code, Errc::bad_frame);
  }
}

TEST_F(Handshake, ClientRefusesALowOrderPointInTheAnswer) {
  const std::string answer = accept(initiator()->hello())->answer;
  for (const char* point : low_order_points) {
    std::string forged = answer;
    forged.replace(0, 32, test::unhex(point));
    EXPECT_FALSE(initiator()->finish(forged, start)) << point;
  }
}

TEST_F(Handshake, GeneratesKeysThatFitTogetherAndDiffer) {
  const ServerKey one = generate_server_key(3);
  const ServerKey two = generate_server_key(3);
  EXPECT_EQ(one.id, 3);
  EXPECT_EQ(one.public_key, public_key_of(one.secret_key));
  EXPECT_NE(one.secret_key, two.secret_key);
}

TEST_F(Records, ReplayedBreaksTheChannel) {
  const std::string record = sealed(pair_.client, "once");
  expect_opens(pair_.server, record, "once");
  expect_refused(pair_.server, record);
}

TEST_F(Records, ReorderedBreaksTheChannel) {
  sealed(pair_.client, "first");
  expect_refused(pair_.server, sealed(pair_.client, "second"));
}

TEST_F(Records, OfTheOtherDirectionBreaksTheChannel) {
  expect_refused(pair_.client, sealed(pair_.client, "mine"));
}

TEST_F(Records, CutAnywhereBreakTheChannel) {
  const std::string record = sealed(pair_.client, "body");
  for (std::size_t size = 0; size < record.size(); ++size) {
    Pair fresh = connect();
    expect_refused(fresh.server, record.substr(0, size));
  }
}

TEST_F(Records, WithAnyFlippedBitBreakTheChannel) {
  const std::string record = sealed(pair_.client, "body");
  for (std::size_t bit = 0; bit < record.size() * 8; ++bit) {
    Pair fresh = connect();
    std::string flipped = record;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    expect_refused(fresh.server, flipped);
  }
}

TEST_F(Records, OfAnotherConnectionWithTheSameStaticKeyBreakTheChannel) {
  auto other = Initiator::start({7, keys_[0].public_key}, Transport::tcp, secret(101));
  auto accepted = accept(other->hello());
  auto channel = other->finish(accepted->answer, start);
  expect_refused(pair_.server, sealed(*channel, "body"));
}

TEST_F(Records, AreAllRefusedAfterTheFirstFailure) {
  const std::string good = sealed(pair_.client, "good");
  std::string bad = good;
  bad[3] = static_cast<char>(bad[3] ^ 1);
  expect_refused(pair_.server, bad);
  expect_refused(pair_.server, good);
}

TEST_F(Records, CanStillBeSentAfterAFailureSoThatTheCloseIsHeard) {
  expect_refused(pair_.server, std::string(40, 'x'));
  expect_opens(pair_.client, sealed(pair_.server, "why"), "why");
}

TEST_F(Records, WithoutAValidFrameInsideBreakTheChannel) {
  std::string out;
  pair_.client.seal({.kind = static_cast<FrameKind>(99)}, {}, out, start);
  expect_refused(pair_.server, out.substr(limits::record_prefix_bytes));
  expect_refused(pair_.server, sealed(pair_.client, "next"));
}

TEST_F(Records, CarryTheLargestBodyAndAnEmptyOne) {
  const std::string largest(limits::frame_body_max, 'b');
  const std::string record = sealed(pair_.client, largest);
  EXPECT_EQ(record.size(), limits::record_max);
  expect_opens(pair_.server, record, largest);
  expect_opens(pair_.server, sealed(pair_.client, ""), "");
}

TEST_F(Records, OfMoreThanTheLargestBodyAreAProgrammersError) {
  const std::string larger(limits::frame_body_max + 1, 'b');
  EXPECT_DEATH(sealed(pair_.client, larger), "frame_body_max");
}

TEST_F(Records, LargerThanTheLimitBreakTheChannel) {
  expect_refused(pair_.server, std::string(limits::record_max + 1, 'x'));
}

TEST_F(Records, AppendToWhatIsAlreadyThere) {
  std::string out = "before";
  pair_.client.seal({.kind = FrameKind::ping, .number = 1}, {}, out, start);
  EXPECT_EQ(out.substr(0, 6), "before");
  std::string bytes = out.substr(6 + limits::record_prefix_bytes);
  EXPECT_TRUE(pair_.server.open(bytes));
}

TEST_F(Records, SurviveAMoveOfTheChannel) {
  Channel moved = std::move(pair_.client);
  expect_opens(pair_.server, sealed(moved, "body"), "body");
}

// Splits what a sender wrote at once into the sealed bytes of its records.
std::vector<std::string> records_of(std::string_view bytes) {
  std::vector<std::string> records;
  while (!bytes.empty()) {
    const std::size_t size = load<std::uint16_t>(bytes, 0);
    records.emplace_back(bytes.substr(limits::record_prefix_bytes, size));
    bytes.remove_prefix(limits::record_prefix_bytes + size);
  }
  return records;
}

class Rekey : public Records {
 protected:
  // Sends until only the rekey is left to send under the present key.
  static void use_up(Channel& from, Channel& to) {
    std::string out;
    for (std::uint64_t i = 0; i < limits::rekey_after_records; ++i) {
      out.clear();
      from.seal({.kind = FrameKind::ping}, {}, out, start);
      const auto frame = to.open(std::span(out).subspan(limits::record_prefix_bytes));
      ASSERT_TRUE(frame && *frame) << "record " << i;
    }
  }
  static void expect_rekey_then_frame(Channel& from, Channel& to, Instant now) {
    std::string out;
    from.seal({.kind = FrameKind::ping, .number = 9}, {}, out, now);
    auto records = records_of(out);
    ASSERT_EQ(records.size(), 2U);
    const auto rekey = to.open(records[0]);
    ASSERT_TRUE(rekey) << rekey.error().detail;
    EXPECT_FALSE(*rekey) << "a rekey is not a frame for the caller";
    const auto ping = to.open(records[1]);
    ASSERT_TRUE(ping && *ping);
    EXPECT_EQ((*ping)->header.number, 9U);
  }
  static std::size_t records_sent(Channel& from, Instant now) {
    std::string out;
    from.seal({.kind = FrameKind::ping}, {}, out, now);
    return records_of(out).size();
  }
};

TEST_F(Rekey, ComesAfterTheAgreedNumberOfRecordsFromTheClient) {
  use_up(pair_.client, pair_.server);
  expect_rekey_then_frame(pair_.client, pair_.server, start);
}

TEST_F(Rekey, ComesAfterTheAgreedNumberOfRecordsFromTheServerAndAgainAfterIt) {
  use_up(pair_.server, pair_.client);
  expect_rekey_then_frame(pair_.server, pair_.client, start);
  std::string out;
  for (std::uint64_t i = 1; i < limits::rekey_after_records; ++i) {
    out.clear();
    pair_.server.seal({.kind = FrameKind::ping}, {}, out, start);
    ASSERT_TRUE(pair_.client.open(std::span(out).subspan(limits::record_prefix_bytes)));
  }
  expect_rekey_then_frame(pair_.server, pair_.client, start);
}

TEST_F(Rekey, ComesWithTime) {
  const Instant due = start + std::chrono::milliseconds(limits::rekey_after_ms);
  EXPECT_EQ(records_sent(pair_.server, due - 1ms), 1U);
  Pair fresh = connect();
  expect_rekey_then_frame(fresh.server, fresh.client, due);
  EXPECT_EQ(records_sent(fresh.server, due + 1ms), 1U) << "the clock starts again with the new key";
}

TEST_F(Rekey, OfOneDirectionLeavesTheOtherAlone) {
  const Instant due = start + std::chrono::milliseconds(limits::rekey_after_ms);
  expect_rekey_then_frame(pair_.client, pair_.server, due);
  expect_opens(pair_.client, sealed(pair_.server, "body"), "body");
}

TEST_F(Rekey, ChangesTheKeyAndNotTheNonce) {
  const Instant due = start + std::chrono::milliseconds(limits::rekey_after_ms);
  std::string out;
  pair_.client.seal({.kind = FrameKind::ping}, {}, out, due);
  // Without having seen the rekey a receiver cannot open what follows it.
  expect_refused(pair_.server, records_of(out)[1]);
}

// A peer that does not keep to the protocol: it seals what it likes with the right key.
class ForeignSender : public testing::Test {
 protected:
  ForeignSender() : receiver_({.send = secret(1), .receive = secret(2)}, start), key_(secret(2)) {
    init_crypto();
  }

  std::string record(const FrameHeader& header, std::string_view body = {}) {
    std::string bytes;
    encode(header, bytes);
    return record_of(bytes.append(body));
  }
  std::string record_of(std::string bytes) {
    char tag[noise::tag_bytes];
    noise::seal(key_, nonce_++, bytes, tag);
    return bytes.append(tag, sizeof tag);
  }
  Result<std::optional<Frame>> give(std::string bytes) { return receiver_.open(bytes); }

  Channel receiver_;
  noise::Key key_;
  std::uint64_t nonce_ = 0;
};

TEST_F(ForeignSender, ThatForgetsToRekeyIsRefused) {
  for (std::uint64_t i = 0; i <= limits::rekey_after_records; ++i)
    ASSERT_TRUE(give(record({.kind = FrameKind::ping}))) << "record " << i;
  EXPECT_FALSE(give(record({.kind = FrameKind::rekey})));
}

TEST_F(ForeignSender, MayRekeyEarlyAndOften) {
  for (int i = 0; i < 3; ++i) {
    const auto rekey = give(record({.kind = FrameKind::rekey}));
    ASSERT_TRUE(rekey);
    EXPECT_FALSE(*rekey);
    noise::rekey(key_);
  }
  EXPECT_TRUE(give(record({.kind = FrameKind::ping})));
}

TEST_F(ForeignSender, ThatResetsTheNonceAtARekeyIsRefused) {
  ASSERT_TRUE(give(record({.kind = FrameKind::rekey})));
  noise::rekey(key_);
  nonce_ = 0;
  EXPECT_FALSE(give(record({.kind = FrameKind::ping})));
}

TEST_F(ForeignSender, ThatAnnouncesARekeyAndKeepsTheOldKeyIsRefused) {
  ASSERT_TRUE(give(record({.kind = FrameKind::rekey})));
  EXPECT_FALSE(give(record({.kind = FrameKind::ping})));
}

TEST_F(ForeignSender, OfARekeyWithABodyIsRefused) {
  EXPECT_FALSE(give(record({.kind = FrameKind::rekey}, "x")));
}

TEST_F(ForeignSender, OfARekeyWithAVerbIsRefused) {
  EXPECT_FALSE(give(record({.kind = FrameKind::rekey, .verb = 1})));
}

TEST_F(ForeignSender, OfASealedFrameShorterThanAHeaderIsRefused) {
  EXPECT_FALSE(give(record_of("fifteen bytes..")));
}

TEST_F(ForeignSender, OfSealedFlagsIsRefusedAndSoIsWhatFollows) {
  EXPECT_FALSE(give(record({.kind = FrameKind::ping, .flags = 1})));
  EXPECT_FALSE(give(record({.kind = FrameKind::ping})));
}

// Splits a stream as gateway and client do: as much as is there, no more.
std::vector<std::string> split(std::string& buffer) {
  std::vector<std::string> records;
  while (const auto length = *record_length(buffer, limits::record_max)) {
    if (buffer.size() < limits::record_prefix_bytes + *length) break;
    records.push_back(buffer.substr(limits::record_prefix_bytes, *length));
    buffer.erase(0, limits::record_prefix_bytes + *length);
  }
  return records;
}

TEST_F(Records, AreTheSameWhereverTheStreamIsCut) {
  std::string stream;
  for (const char* body : {"one", "", "three"})
    pair_.client.seal({.kind = FrameKind::request}, body, stream, start);
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    std::string buffer = stream.substr(0, cut);
    std::vector<std::string> records = split(buffer);
    buffer += stream.substr(cut);
    for (std::string& record : split(buffer)) records.push_back(std::move(record));
    EXPECT_EQ(records, records_of(stream)) << "cut at " << cut;
    EXPECT_EQ(buffer, "");
  }
}

std::string prefix(std::size_t length) {
  std::string bytes;
  append(bytes, static_cast<std::uint16_t>(length));
  return bytes;
}

TEST(RecordLength, IsUnknownBeforeBothBytesAreThere) {
  EXPECT_EQ(record_length("", limits::record_max).value(), std::nullopt);
  EXPECT_EQ(record_length("\xff", limits::record_max).value(), std::nullopt);
}

TEST(RecordLength, IsBetweenAnEmptyFrameAndTheCallersBound) {
  constexpr std::size_t least = limits::frame_header_bytes + limits::tag_bytes;
  EXPECT_EQ(record_length(prefix(least), limits::record_max).value(), least);
  EXPECT_EQ(record_length(prefix(limits::record_max), limits::record_max).value(),
            limits::record_max);
  EXPECT_EQ(record_length(prefix(100), 100).value(), 100U);
  for (const std::size_t bad : {std::size_t{0}, std::size_t{1}, least - 1})
    EXPECT_EQ(record_length(prefix(bad), limits::record_max).error().code, Errc::bad_frame) << bad;
  EXPECT_EQ(record_length(prefix(101), 100).error().code, Errc::bad_frame);
  EXPECT_EQ(record_length(prefix(limits::record_max), 4096).error().code, Errc::bad_frame);
}

TEST(RecordLength, IgnoresWhatFollowsThePrefix) {
  EXPECT_EQ(record_length(prefix(100) + "anything", limits::record_max).value(), 100U);
}

}  // namespace
}  // namespace parley
