// Who has the wrong key, or none, or one that is for something else (RELIABILITY §4.3).
#include "tests/integration/bus/bad_input/besieged_broker.h"

namespace parley::test {
namespace {

class BadKeys : public BadInput {
 protected:
  // Nothing that it says arrives, nothing is said to it.
  void expect_locked_out(RawPeer& peer, const Registration& who) {
    const double strangers = broker().counter("strangers");
    const double registrations = broker().counter("registrations");
    peer.try_send(who.bytes());
    EXPECT_FALSE(peer.receive(1s));
    EXPECT_EQ(broker().counter("strangers"), strangers);
    EXPECT_EQ(broker().counter("registrations"), registrations);
  }
  void expect_refused(RawPeer& peer, const Registration& who, Errc reason = Errc::refused) {
    SCOPED_TRACE(who.name);
    const auto answer = peer.register_as(who);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->header.kind, EnvelopeKind::not_registered);
    EXPECT_EQ(answer->header.error, number_of(reason));
    EXPECT_TRUE(answer->body.empty());
  }
};

TEST_F(BadKeys, WhoDoesNotEncryptIsNotHeard) {
  must_count("handshakes_failed");
  for (const Side side : {Side::gateways, Side::workers}) {
    RawPeer plain(broker().tcp(side));
    expect_locked_out(
        plain, side == Side::workers ? worker_named("worker-x") : gateway_named("gateway-x"));
  }
}

TEST_F(BadKeys, WhoExpectsAnotherBrokersKeyIsNotHeard) {
  must_count("handshakes_failed");
  RawPeer peer(broker().tcp(Side::gateways),
               {.curve = CurveClient{make_curve_key_pair().public_key, broker().gateway_keys}});
  expect_locked_out(peer, gateway_named("gateway-x"));
}

TEST_F(BadKeys, WhoIsNotOnTheListIsNotHeard) {
  must_count("keys_refused");
  must_log("peer.key_refused");
  RawPeer peer(broker().tcp(Side::gateways), broker().with(make_curve_key_pair()));
  expect_locked_out(peer, gateway_named("gateway-x"));
}

TEST_F(BadKeys, AKeyIsForOneRoleAndItsNames) {
  const Side front = Side::gateways;
  const Side back = Side::workers;
  struct Row {
    const char* what;
    Side side;
    const CurveKeyPair& keys;
    Registration who;
    Errc reason = Errc::refused;
  };
  const Registration business{.role = wire::PEER_ROLE_BUSINESS, .name = "hr"};
  Registration admin = gateway_named("gateway-x");
  admin.role = wire::PEER_ROLE_ADMIN;
  const std::vector<Row> rows{
      {"a worker's key as gateway", front, broker().worker_keys, gateway_named("worker-x")},
      {"a gateway's key as worker", back, broker().gateway_keys, worker_named("gateway-x")},
      {"a business system's key as worker", back, broker().business_keys, worker_named("hr")},
      {"a business system's key as gateway", front, broker().business_keys, gateway_named("hr")},
      {"a gateway's key as business system",
       front,
       broker().gateway_keys,
       {.role = wire::PEER_ROLE_BUSINESS, .name = "gateway-x"}},
      {"a role that does not register", front, broker().gateway_keys, admin, Errc::bad_request},
      {"a name that the key may not bear", front, broker().gateway_keys, gateway_named("worker-1")},
      {"a name that almost begins so", front, broker().gateway_keys, gateway_named("gateway")},
      {"an exact name with more behind it",
       front,
       broker().business_keys,
       {.role = wire::PEER_ROLE_BUSINESS, .name = "hr2"}}};
  must_count("registrations_refused", static_cast<double>(rows.size()));
  must_log("peer.refused");
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    RawPeer peer(broker().tcp(row.side), broker().with(row.keys));
    expect_refused(peer, row.who, row.reason);
  }
  RawPeer right(broker().tcp(front), broker().with(broker().business_keys));
  EXPECT_TRUE(right.is_registered_as(business));
}

TEST_F(BadKeys, OnlyOperatorsAreToldAndObeyed) {
  must_count("misplaced", 3);
  must_log("peer.forbidden");
  RawPeer peer(broker().tcp(Side::gateways), broker().with(broker().gateway_keys));
  ASSERT_TRUE(peer.is_registered_as(gateway_named("gateway-x")));
  wire::AdminRequest drain;
  drain.mutable_drain()->set_peer("");
  for (const auto& [kind, body] : {std::pair{EnvelopeKind::status, std::string()},
                                   std::pair{EnvelopeKind::admin, drain.SerializeAsString()},
                                   std::pair{EnvelopeKind::admin, std::string("\xff")}}) {
    ASSERT_TRUE(peer.send({.kind = kind}, body));
    const auto answer = peer.expect(EnvelopeKind::not_registered);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->header.error, number_of(Errc::refused));
  }
}

TEST_F(BadKeys, AKeyThatIsTakenFromTheListEndsWhoUsesIt) {
  must_count("peers_lost");
  must_log("peer.revoked", "hr");
  RawPeer peer(broker().tcp(Side::gateways), broker().with(broker().business_keys));
  ASSERT_TRUE(peer.is_registered_as({.role = wire::PEER_ROLE_BUSINESS, .name = "hr"}));
  broker().allow({broker().gateway_keys, broker().worker_keys});
  const auto word = peer.expect(EnvelopeKind::not_registered);
  ASSERT_TRUE(word);
  EXPECT_EQ(word->header.error, number_of(Errc::refused));
  must_count("revoked");
  EXPECT_TRUE(peer.say(EnvelopeKind::status));
  // What it has not read of ours goes on being asked about.
  for (auto said = peer.receive(500ms); said; said = peer.receive(500ms))
    ASSERT_EQ(said->header.kind, EnvelopeKind::ping) << "the connection is of when it was listed";
  broker().allow({broker().gateway_keys, broker().worker_keys, broker().business_keys});
}

// ZeroMQ hands an address over to whoever claims it. The answer must not follow.
TEST_F(BadKeys, AnAddressThatIsTakenOverBringsNothing) {
  must_log("peer.impostor", "gateway-victim");
  const Registration who = gateway_named("gateway-victim", 7);
  RawPeer::Options options = broker().with(broker().gateway_keys);
  options.identity = "the-address";
  RawPeer victim(broker().tcp(Side::gateways), options);
  RawPeer worker(broker().files(Side::workers));
  ASSERT_TRUE(worker.is_registered_as(worker_named("worker-1", secure_random_id())));
  ASSERT_TRUE(victim.is_registered_as(who));
  ASSERT_TRUE(victim.send(request_of(who, 1), "secret question"));
  ASSERT_TRUE(worker.expect(EnvelopeKind::request));

  options.curve->own = broker().business_keys;
  RawPeer thief(broker().tcp(Side::gateways), options);
  EXPECT_FALSE(thief.is_registered_as(who)) << "another key's name";
  ASSERT_TRUE(worker.send({.kind = EnvelopeKind::reply, .id = request_of(who, 1).id}, "secret"));
  EXPECT_FALSE(thief.expect(EnvelopeKind::reply, 1s));
}

}  // namespace
}  // namespace parley::test
