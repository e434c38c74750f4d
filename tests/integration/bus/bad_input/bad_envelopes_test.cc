// Messages of another shape, envelopes that make no sense, and what a peer may not say (RELIABILITY
// §4.3).
#include "proto/limits.h"
#include "tests/integration/bus/bad_input/besieged_broker.h"

namespace parley::test {
namespace {

// At the door behind a file's mode, and at the encrypted one.
class BadEnvelopes : public BadInput, public testing::WithParamInterface<Protection> {
 protected:
  // Names of its own for each test: what somebody does is told once a minute.
  void SetUp() override {
    BadInput::SetUp();
    static int tests = 0;
    asker = gateway_named("gateway-" + std::to_string(++tests), secure_random_id());
    answerer = worker_named("worker-" + std::to_string(tests), secure_random_id());
    gateway = at_the_door(Side::gateways);
    worker = at_the_door(Side::workers);
    ASSERT_TRUE(worker->is_registered_as(answerer));
    ASSERT_TRUE(gateway->is_registered_as(asker));
  }
  std::unique_ptr<RawPeer> at_the_door(Side side) {
    if (GetParam() == Protection::none) return std::make_unique<RawPeer>(broker().files(side));
    return std::make_unique<RawPeer>(broker().tcp(side), broker().with(keys_of(side)));
  }
  const CurveKeyPair& keys_of(Side side) {
    return side == Side::workers ? broker().worker_keys : broker().gateway_keys;
  }
  // Of whoever has come through this door.
  void must_name(const std::string& event, Side side, const std::string& name) {
    must_log(event, name,
             GetParam() == Protection::none ? std::string() : keys_of(side).public_key);
  }
  void TearDown() override {
    gateway.reset();
    worker.reset();
    BadInput::TearDown();
  }
  // Both still are who they are, and are served.
  void expect_still_served() { expect_exchange(*gateway, asker, *worker, ++number); }
  // What the gateway asked is answered with this, and nobody else was asked.
  void expect_error(const EnvelopeHeader& question, Errc error) {
    ASSERT_TRUE(gateway->send(question, "body"));
    const auto answer = gateway->expect(EnvelopeKind::reply);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->header.id, question.id);
    EXPECT_EQ(answer->header.error, number_of(error));
    EXPECT_TRUE(answer->body.empty());
  }

  Registration asker;
  Registration answerer;
  std::unique_ptr<RawPeer> gateway;
  std::unique_ptr<RawPeer> worker;
  std::uint64_t number = 1'000;
};

std::string batch_of(const std::vector<std::string>& envelopes) {
  std::string body;
  for (const std::string& one : envelopes) {
    const auto size = static_cast<std::uint32_t>(one.size());
    body.append(reinterpret_cast<const char*>(&size), sizeof size).append(one);
  }
  return encode({.kind = EnvelopeKind::batch}, body);
}

std::string changed(std::string bytes, std::size_t at, int value) {
  bytes[at] = static_cast<char>(value);
  return bytes;
}

TEST_P(BadEnvelopes, OfAnotherShapeAreDroppedAndCounted) {
  const std::string ping = encode({.kind = EnvelopeKind::ping}, {});
  const std::string batch = batch_of({ping, ping});
  struct Row {
    const char* what;
    std::vector<std::string> frames;
  };
  const std::vector<Row> rows{
      {"an empty frame", {""}},
      {"a delimiter, as REQ sends it", {"", ping}},
      {"an envelope with a frame behind it", {ping, "more"}},
      {"1,000 frames", std::vector<std::string>(1'000, ping)},
      {"1,000 empty frames", std::vector<std::string>(1'000)},
      {"one byte", {"\x01"}},
      {"a byte less than a header", {ping.substr(1)}},
      {"version 0", {changed(ping, 0, 0)}},
      {"version 2", {changed(ping, 0, 2)}},
      {"kind 0", {changed(ping, 1, 0)}},
      {"kind 200", {changed(ping, 1, 200)}},
      {"a batch that is cut off", {batch.substr(0, batch.size() - 1)}},
      {"a batch in a batch", {batch_of({batch})}},
      {"a batch that claims more", {changed(batch, limits::envelope_header_bytes + 3, 0x7f)}},
      {"a batch of nothings", {batch_of({""})}},
      {"text", {"GET /metrics HTTP/1.1\r\n\r\n"}},
      {"zeros", {std::string(1'000, '\0')}},
      {"ones", {std::string(1'000, '\xff')}}};
  must_name("peer.malformed", Side::gateways, asker.name);
  must_name("peer.malformed", Side::workers, answerer.name);
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    const double before = broker().counter("malformed");
    for (RawPeer* peer : {gateway.get(), worker.get()}) ASSERT_TRUE(peer->send(row.frames));
    EXPECT_TRUE(eventually(5s, [&] { return broker().counter("malformed") >= before + 2; }));
    expect_still_served();
  }
}

TEST_P(BadEnvelopes, UpToTheLimitTravelAndBeyondItEndTheConnection) {
  const std::string largest(limits::envelope_max - limits::envelope_header_bytes, 'x');
  ASSERT_TRUE(gateway->send(request_of(asker, 1), largest));
  const auto asked = worker->expect(EnvelopeKind::request);
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->body, largest);
  ASSERT_TRUE(worker->send({.kind = EnvelopeKind::reply, .id = asked->header.id}));
  ASSERT_TRUE(gateway->expect(EnvelopeKind::reply));

  must_name("peer.unreachable", Side::gateways, asker.name);
  broker().settle();
  const double lost = broker().counter("peers_lost");
  const std::string too_large(limits::envelope_max + 1, 'x');
  ASSERT_TRUE(gateway->send(std::vector{too_large}));
  ASSERT_TRUE(worker->send(std::vector{std::string("frame"), std::string(64 << 20, 'x')}));
  EXPECT_TRUE(eventually(5s, [&] { return broker().counter("peers_lost") >= lost + 2; }));
}

TEST_P(BadEnvelopes, OfStrangersGetOneAnswer) {
  const std::vector<EnvelopeKind> kinds{
      EnvelopeKind::request, EnvelopeKind::reply, EnvelopeKind::deliver, EnvelopeKind::drain,
      EnvelopeKind::bye,     EnvelopeKind::ping,  EnvelopeKind::pong,    EnvelopeKind::credit};
  must_count("strangers", 2 * static_cast<double>(kinds.size()));
  for (const Side side : {Side::gateways, Side::workers}) {
    const auto stranger = at_the_door(side);
    // Without keys all strangers are the same one, who is told of once a minute.
    if (GetParam() == Protection::curve) must_name("peer.unregistered", side, "?");
    for (const EnvelopeKind kind : kinds) {
      EnvelopeHeader header = request_of(asker, 4);
      header.kind = kind;
      ASSERT_TRUE(stranger->send(header, "let me in"));
      const auto answer = stranger->expect(EnvelopeKind::not_registered);
      ASSERT_TRUE(answer);
      EXPECT_EQ(answer->header.error, number_of(Errc::unauthenticated));
      EXPECT_EQ(answer->header.id, header.id);
    }
  }
  EXPECT_FALSE(worker->expect(EnvelopeKind::request, 300ms));
}

TEST_P(BadEnvelopes, ThatARoleMayNotSendAreCountedAndTold) {
  must_name("peer.forbidden", Side::gateways, asker.name);
  must_name("peer.forbidden", Side::workers, answerer.name);
  const std::vector<EnvelopeKind> of_gateway{
      EnvelopeKind::reply,       EnvelopeKind::deliver,        EnvelopeKind::drain,
      EnvelopeKind::registered,  EnvelopeKind::not_registered, EnvelopeKind::unreachable,
      EnvelopeKind::status_reply};
  const std::vector<EnvelopeKind> of_worker{EnvelopeKind::request, EnvelopeKind::registered,
                                            EnvelopeKind::not_registered, EnvelopeKind::credit,
                                            EnvelopeKind::trace_query};
  must_count("misplaced", static_cast<double>(of_gateway.size() + of_worker.size()));
  const auto say = [&](RawPeer& peer, EnvelopeKind kind) {
    EnvelopeHeader header = request_of(asker, 4);
    header.kind = kind;
    header.target = 1;
    ASSERT_TRUE(peer.send(header, "mine"));
  };
  for (const EnvelopeKind kind : of_gateway) say(*gateway, kind);
  for (const EnvelopeKind kind : of_worker) say(*worker, kind);
  expect_still_served();
}

TEST_P(BadEnvelopes, OfAnotherOrOfAFormerLifeAreNotPassedOn) {
  must_count("misplaced", 3);
  EnvelopeHeader stale = request_of(asker, 1);
  stale.id.boot = BootId{asker.boot - 1};
  EnvelopeHeader foreign = request_of(asker, 1);
  foreign.id.gateway = instance_id("gateway-2");
  EnvelopeHeader nobody = request_of(asker, 1);
  nobody.id = {};
  for (const EnvelopeHeader& header : {stale, foreign, nobody})
    ASSERT_TRUE(gateway->send(header, "question"));
  EXPECT_FALSE(worker->expect(EnvelopeKind::request, 300ms));
  expect_still_served();
}

TEST_P(BadEnvelopes, ThatAskForWhatIsNotThereAreAnsweredAtOnce) {
  must_count("no_service", 2);
  must_count("misplaced", 1);
  must_count("expired", 1);
  EnvelopeHeader unknown = request_of(asker, 1);
  unknown.verb = 0x7f01;
  EnvelopeHeader app = request_of(asker, 2);
  app.verb = static_cast<std::uint16_t>(Verb::app_request);
  EnvelopeHeader of_business = request_of(asker, 3);
  of_business.verb = static_cast<std::uint16_t>(Verb::push_publish);
  EnvelopeHeader late = request_of(asker, 4);
  late.ttl_ms = 0;
  // For 3 s after its start a broker waits for workers that may come.
  ASSERT_TRUE(gateway->send(unknown, "body"));
  ASSERT_TRUE(gateway->expect(EnvelopeKind::reply));
  expect_error(unknown, Errc::no_service);
  expect_error(app, Errc::no_service);
  expect_error(of_business, Errc::unsupported);
  expect_error(late, Errc::retry_later);
  EXPECT_FALSE(worker->expect(EnvelopeKind::request, 300ms));
}

// Neither number nor life nor name of a heartbeat mean anything: it tells that its connection lives.
TEST_P(BadEnvelopes, HeartbeatsOfOtherLivesAreOfTheirConnection) {
  for (const EnvelopeKind kind : {EnvelopeKind::ping, EnvelopeKind::pong})
    for (const std::uint64_t boot : {asker.boot + 1, asker.boot - 1, std::uint64_t{0}}) {
      EnvelopeHeader beat = request_of(asker, ~std::uint64_t{0});
      beat.kind = kind;
      beat.id.boot = BootId{boot};
      beat.id.gateway = instance_id("gateway-somebody");
      beat.ttl_ms = ~std::uint32_t{0};
      ASSERT_TRUE(gateway->send(beat));
      ASSERT_TRUE(worker->send(beat));
    }
  for (RawPeer* peer : {gateway.get(), worker.get()})
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(peer->expect(EnvelopeKind::pong)) << i;
  expect_still_served();
}

TEST_P(BadEnvelopes, ThatAnswerWhatWasNotAskedReachNobody) {
  must_count("late_replies", 4);
  Registration liar = worker_named(answerer.name + "-liar", secure_random_id());
  liar.services = {77};
  const auto other = at_the_door(Side::workers);
  ASSERT_TRUE(other->is_registered_as(liar));
  must_name("peer.unasked_reply", Side::workers, liar.name);
  must_name("peer.unasked_reply", Side::workers, answerer.name);
  const EnvelopeHeader question = request_of(asker, 1);
  const EnvelopeHeader reply{.kind = EnvelopeKind::reply, .id = question.id};
  EnvelopeHeader unknown = reply;
  unknown.id.number = 4'711;
  ASSERT_TRUE(gateway->send(question, "question"));
  ASSERT_TRUE(worker->expect(EnvelopeKind::request));
  ASSERT_TRUE(other->send(reply, "forged"));
  ASSERT_TRUE(other->send(unknown, "forged"));
  ASSERT_TRUE(worker->send(unknown, "forged"));
  EXPECT_FALSE(gateway->expect(EnvelopeKind::reply, 300ms));
  ASSERT_TRUE(worker->send(reply, "true"));
  const auto answer = gateway->expect(EnvelopeKind::reply);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "true");
  ASSERT_TRUE(worker->send(reply, "again"));
  EXPECT_FALSE(gateway->expect(EnvelopeKind::reply, 300ms));
}

using BadQuestions = BadInput;

TEST_F(BadQuestions, ThatForgeWhatATraceTellsReachNoOperator) {
  must_count("misplaced", 6);
  // Names of its own: who is logged for the same again is logged once a minute.
  for (const char* liar : {"gateway-liar", "worker-liar", "worker-new"})
    must_log("peer.forbidden", liar);
  RawPeer gateway_liar = at(Side::gateways);
  RawPeer worker_liar = at(Side::workers);
  RawPeer newcomer = at(Side::workers);
  ASSERT_TRUE(gateway_liar.is_registered_as(gateway_named("gateway-liar", secure_random_id())));
  ASSERT_TRUE(worker_liar.is_registered_as(worker_named("worker-liar", secure_random_id())));
  RawPeer admin = at(Side::gateways);
  wire::AdminRequest request;
  request.mutable_trace()->set_trace(7);
  const auto heard = [&]() -> std::optional<std::string> {
    const auto reply = admin.expect(EnvelopeKind::admin_reply, 300ms);
    wire::AdminReply body;
    if (!reply || !body.ParseFromString(std::string(reply->body))) return std::nullopt;
    return body.trace().process();
  };
  ASSERT_TRUE(admin.send({.kind = EnvelopeKind::admin}, request.SerializeAsString()));
  EXPECT_EQ(heard(), "besieged");
  const auto query = gateway_liar.expect(EnvelopeKind::trace_query);
  ASSERT_TRUE(query);
  const EnvelopeHeader answer{.kind = EnvelopeKind::trace_answer, .id = query->header.id};
  wire::TraceAnswer body;
  body.set_process("worker-1");

  ASSERT_TRUE(newcomer.is_registered_as(worker_named("worker-new", secure_random_id())));
  ASSERT_TRUE(newcomer.send(answer, body.SerializeAsString()));
  for (const std::uint64_t wrong : {std::uint64_t{0}, answer.id.number + 1, ~std::uint64_t{0}})
    ASSERT_TRUE(gateway_liar.send({.kind = answer.kind, .id = {.number = wrong}}));
  ASSERT_TRUE(worker_liar.send(answer, "\xff\xff"));
  EXPECT_EQ(heard(), std::nullopt);
  ASSERT_TRUE(gateway_liar.send(answer, body.SerializeAsString()));
  EXPECT_EQ(heard(), "gateway-liar") << "its own name, whatever it says";
  ASSERT_TRUE(gateway_liar.send(answer, body.SerializeAsString()));
  EXPECT_EQ(heard(), std::nullopt) << "once is enough";
}

TEST_F(BadQuestions, OfOperatorsThatMakeNoSenseAreAnswered) {
  RawPeer admin = at(Side::gateways);
  const auto ask = [&](const std::string& body, Errc error) {
    ASSERT_TRUE(admin.send({.kind = EnvelopeKind::admin, .id = {.number = 1}}, body));
    const auto answer = admin.expect(EnvelopeKind::admin_reply);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->header.error, number_of(error));
  };
  ask("\xff\xff", Errc::bad_request);
  ask("", Errc::unsupported);
  wire::AdminRequest nobody;
  nobody.mutable_drain()->set_peer("nobody");
  ask(nobody.SerializeAsString(), Errc::not_found);
}

INSTANTIATE_TEST_SUITE_P(AtBothDoors, BadEnvelopes,
                         testing::Values(Protection::none, Protection::curve),
                         [](const testing::TestParamInfo<Protection>& door) {
                           return door.param == Protection::none ? "Files" : "Curve";
                         });

}  // namespace
}  // namespace parley::test
