// Who gets in over tcp: a real broker with CURVE, its allow-list on disk, and peers with right and wrong keys.
#include <fstream>

#include "base/log.h"
#include "bus/key_list.h"
#include "bus/key_watch.h"
#include "bus/zmq_socket.h"
#include "proto/limits.h"
#include "tests/integration/bus/rig.h"
#include "tests/support/announced_errors.h"

namespace parley::test {
namespace {

using testing::HasSubstr;

struct KeyRig : Rig {
  KeyRig() {
    former_observer = log::set_observer([this](log::Level level, std::string_view event) {
      ++events[std::string(event)];
      if (former_observer) former_observer(level, event);
    });
  }
  ~KeyRig() { log::set_observer(former_observer); }

  void write_list(const std::string& text) {
    std::ofstream(list_path + ".new") << text;
    std::filesystem::permissions(list_path + ".new", std::filesystem::perms::owner_read |
                                                         std::filesystem::perms::owner_write);
    std::filesystem::rename(list_path + ".new", list_path);
  }
  void allow(Role role, const std::string& names, const CurveKeyPair& who) {
    list = with_entry(list, {role, names, who.public_key});
    write_list(list);
  }
  void revoke(const CurveKeyPair& who) {
    list = without_key(list, who.public_key);
    write_list(list);
  }
  BrokerProcessOptions options() const {
    BrokerProcessOptions options;
    options.gateways = {"tcp://127.0.0.1:*"};
    options.workers = {"tcp://127.0.0.1:*"};
    options.keys = BrokerKeys{broker_keys, list_path};
    return options;
  }
  void start(const BrokerProcessOptions& wanted) {
    auto started = BrokerProcess::start(loop, wanted, metrics);
    ASSERT_TRUE(started) << started.error().detail;
    broker = *std::move(started);
  }
  std::vector<BusEndpoint> gateway_side(const CurveKeyPair& who) const {
    return {{broker->gateway_endpoints().front(), CurveClient{broker_keys.public_key, who}}};
  }
  std::vector<BusEndpoint> worker_side(const CurveKeyPair& who) const {
    return {{broker->worker_endpoints().front(), CurveClient{broker_keys.public_key, who}}};
  }
  bool turn(Duration limit, const std::function<bool()>& condition) {
    return run_until(loop, limit, condition);
  }
  // For what must not happen: `happened` is looked at while this time passes.
  bool stays_away(const std::function<bool()>& happened, Duration time = 1500ms) {
    return !run_until(loop, time, happened);
  }
  std::uint64_t metric(const std::string& name) const {
    const std::string text = "\n" + metrics.text();
    const std::size_t at = text.find("\n" + name + " ");
    return at == text.npos ? 0 : std::stoull(text.substr(at + name.size() + 2));
  }

  const CurveKeyPair broker_keys = make_curve_key_pair();
  const CurveKeyPair gateway_keys = make_curve_key_pair();
  const CurveKeyPair worker_keys = make_curve_key_pair();
  const std::string list_path = dir.path() + "/allowed_keys";
  std::string list = "# who may connect\n";
  std::map<std::string, int> events;  // logged
  log::Observer former_observer;
  std::unique_ptr<BrokerProcess> broker;
};

// A rig with one listed gateway and one listed worker.
struct Keys : testing::Test, KeyRig {
  void SetUp() override {
    allow(Role::gateway, "gateway-*", gateway_keys);
    allow(Role::worker, "worker-1", worker_keys);
    start(options());
  }
};

TEST_F(Keys, WhoIsListedGetsInAndIsServed) {
  EchoWorker worker(loop, metrics, "worker-1", worker_side(worker_keys));
  Asker gateway(loop, metrics, "gateway-1", gateway_side(gateway_keys));
  for (std::uint64_t i = 0; i < 1'000; ++i) gateway.ask(i % 10, std::to_string(i));
  ASSERT_TRUE(turn(10s, [&] { return gateway.publisher.pending() == 0; }));
  EXPECT_TRUE(gateway.errors.empty());
  EXPECT_EQ(gateway.bodies.size(), 1'000U);
  EXPECT_EQ(metric("parley_broker_keys_admitted_total"), 2U);
  EXPECT_EQ(metric("parley_broker_keys_refused_total"), 0U);
}

TEST_F(Keys, TheLargestEnvelopePassesEncrypted) {
  EchoWorker worker(loop, metrics, "worker-1", worker_side(worker_keys));
  Asker gateway(loop, metrics, "gateway-1", gateway_side(gateway_keys));
  const std::string body(limits::envelope_max - limits::envelope_header_bytes, 'x');
  const std::uint64_t number = gateway.ask(1, body);
  ASSERT_TRUE(turn(10s, [&] { return gateway.publisher.pending() == 0; }));
  EXPECT_TRUE(gateway.errors.empty());
  EXPECT_EQ(gateway.bodies[number], body);
}

TEST_F(Keys, WhoIsNotListedIsRefusedCountedAndLoggedOnce) {
  const CurveKeyPair stranger = make_curve_key_pair();
  Asker gateway(loop, metrics, "gateway-1", gateway_side(stranger));
  ASSERT_TRUE(turn(10s, [&] { return metric("parley_broker_keys_refused_total") >= 3; }))
      << "it tries again: an operator may be adding its key";
  EXPECT_FALSE(gateway.publisher.healthy());
  EXPECT_EQ(events["peer.key_refused"], 1);
  EXPECT_EQ(events["peer.registered"], 0);
  EXPECT_TRUE(turn(5s, [&] { return metric("parley_broker_handshakes_failed_total") >= 3; }));
}

TEST_F(Keys, WhoIsListedLaterGetsInWithoutAnybodysRestart) {
  const CurveKeyPair newcomer = make_curve_key_pair();
  Asker gateway(loop, metrics, "gateway-2", gateway_side(newcomer));
  ASSERT_TRUE(turn(5s, [&] { return metric("parley_broker_keys_refused_total") >= 1; }));
  allow(Role::gateway, "gateway-2", newcomer);
  EXPECT_TRUE(turn(4s, [&] { return gateway.publisher.healthy(); }));
}

TEST_F(Keys, AWorkersKeyIsNoGatewaysKey) {
  Asker gateway(loop, metrics, "worker-1", gateway_side(worker_keys));
  ASSERT_TRUE(turn(5s, [&] { return events["peer.refused"] > 0; }));
  EXPECT_TRUE(stays_away([&] { return gateway.publisher.healthy(); }));
  EXPECT_EQ(events["peer.refused"], 1) << "each second again, logged once a minute";
}

TEST_F(Keys, ABusinessSystemsKeyIsNoWorkersKey) {
  const CurveKeyPair crm = make_curve_key_pair();
  allow(Role::business, "crm", crm);
  ASSERT_TRUE(turn(3s, [&] { return events["broker.key_list_taken"] > 0; }));
  EchoWorker worker(loop, metrics, "crm", worker_side(crm));
  ASSERT_TRUE(turn(5s, [&] { return events["peer.refused"] > 0; }));
  EXPECT_TRUE(stays_away([&] { return worker.consumer.healthy(); }));
}

TEST_F(Keys, ANameThatTheLineDoesNotAllowIsRefused) {
  Asker impostor(loop, metrics, "worker-1", gateway_side(gateway_keys));
  ASSERT_TRUE(turn(5s, [&] { return events["peer.refused"] > 0; }));
  EXPECT_TRUE(stays_away([&] { return impostor.publisher.healthy(); }));
  Asker other(loop, metrics, "gateway-77", gateway_side(gateway_keys));
  EXPECT_TRUE(turn(5s, [&] { return other.publisher.healthy(); })) << "the line says gateway-*";
}

TEST_F(Keys, WhoExpectsAnotherBrokerNeverConnects) {
  std::vector<BusEndpoint> wrong = gateway_side(gateway_keys);
  wrong.front().curve->server_key = make_curve_key_pair().public_key;
  Asker gateway(loop, metrics, "gateway-1", wrong);
  ASSERT_TRUE(turn(10s, [&] { return metric("parley_broker_handshakes_failed_total") >= 2; }));
  EXPECT_FALSE(gateway.publisher.healthy());
  EXPECT_EQ(metric("parley_broker_keys_admitted_total"), 0U);
}

TEST_F(Keys, WhoDoesNotEncryptNeverGetsIn) {
  Asker gateway(loop, metrics, "gateway-1",
                std::vector<BusEndpoint>{{broker->gateway_endpoints().front()}});
  ASSERT_TRUE(turn(10s, [&] { return metric("parley_broker_handshakes_failed_total") >= 2; }))
      << "it tries again: the broker may be given another configuration";
  EXPECT_FALSE(gateway.publisher.healthy());
  EXPECT_EQ(events["peer.registered"], 0);
}

TEST_F(Keys, ARemovedKeyEndsItsLivePeerWithinTwoSeconds) {
  EchoWorker worker(loop, metrics, "worker-1", worker_side(worker_keys));
  Asker gateway(loop, metrics, "gateway-1", gateway_side(gateway_keys));
  ASSERT_TRUE(turn(5s, [&] { return worker.consumer.healthy() && gateway.publisher.healthy(); }));
  const Instant removed = monotonic_now();
  revoke(gateway_keys);
  ASSERT_TRUE(turn(5s, [&] { return events["peer.revoked"] == 1; }));
  EXPECT_LT(monotonic_now() - removed, 2s * slowness());
  ASSERT_TRUE(turn(5s, [&] { return !gateway.publisher.healthy(); }));
  EXPECT_TRUE(stays_away([&] { return gateway.publisher.healthy(); }));
  EXPECT_TRUE(worker.consumer.healthy()) << "nobody else is concerned";
}

// A peer of our own leaves when it is told to. A stolen key's owner would not.
TEST_F(Keys, WhatARemovedKeySendsOverItsOldConnectionIsDropped) {
  ZmqContext context;
  ZmqSocket socket = ZmqSocket::dealer(
      context, {.identity = "thief", .curve = gateway_side(gateway_keys).front().curve});
  ASSERT_TRUE(socket.connect(broker->gateway_endpoints().front()));
  const std::string question = encode({.kind = EnvelopeKind::ping}, {});
  int answers = 0;
  const auto ask = [&] {
    socket.send(question);
    for (ZmqMessage answer; socket.receive(answer);) ++answers;
  };
  ASSERT_TRUE(turn(5s, [&] { return ask(), answers > 0; }));
  revoke(gateway_keys);
  ASSERT_TRUE(turn(3s, [&] { return events["broker.key_list_taken"] > 0; }));
  ASSERT_TRUE(turn(5s, [&] { return ask(), metric("parley_broker_revoked_total") > 0; }));
  answers = 0;
  ASSERT_TRUE(turn(5s, [&] { return ask(), metric("parley_broker_revoked_total") > 10; }));
  EXPECT_EQ(answers, 0);
}

TEST_F(Keys, AreChangedUnderTrafficWithTwoValidOnesAndNoRequestIsLost) {
  auto worker =
      std::make_unique<EchoWorker>(loop, metrics, "worker-1", worker_side(worker_keys));
  Asker gateway(loop, metrics, "gateway-1", gateway_side(gateway_keys));
  std::uint64_t asked = 0;
  Timer load(loop, [&] {
    if (gateway.publisher.pending() < 20) gateway.ask(asked % 7, std::to_string(asked)), ++asked;
  });
  load.every(1ms);
  ASSERT_TRUE(turn(5s, [&] { return gateway.bodies.size() > 50; }));

  const CurveKeyPair next = make_curve_key_pair();
  allow(Role::worker, "worker-1", next);
  ASSERT_TRUE(turn(3s, [&] { return events["broker.key_list_taken"] == 1; }));
  worker.reset();  // restarted with its new pair
  worker = std::make_unique<EchoWorker>(loop, metrics, "worker-1", worker_side(next));
  ASSERT_TRUE(turn(5s, [&] { return worker->consumer.healthy(); }));
  const std::size_t before = gateway.bodies.size();
  revoke(worker_keys);
  ASSERT_TRUE(turn(3s, [&] { return events["broker.key_list_taken"] == 2; }));
  ASSERT_TRUE(turn(5s, [&] { return gateway.bodies.size() > before + 50; }));

  load.stop();
  ASSERT_TRUE(turn(10s, [&] { return gateway.publisher.pending() == 0; }));
  EXPECT_TRUE(gateway.errors.empty());
  EXPECT_EQ(gateway.bodies.size(), asked);
  EXPECT_EQ(events["peer.revoked"], 0) << "the former key had nobody left";
}

TEST_F(Keys, OfTheBrokerChangeWhilePeersListBoth) {
  const CurveKeyPair next = make_curve_key_pair();
  const auto both = [&](std::vector<BusEndpoint> endpoints) {
    endpoints.push_back(endpoints.front());
    endpoints.back().curve->server_key = next.public_key;
    return endpoints;
  };
  BrokerProcessOptions changed = options();
  changed.gateways = broker->gateway_endpoints();
  changed.workers = broker->worker_endpoints();
  changed.keys->own = next;
  EchoWorker worker(loop, metrics, "worker-1", both(worker_side(worker_keys)));
  Asker gateway(loop, metrics, "gateway-1", both(gateway_side(gateway_keys)));
  ASSERT_TRUE(turn(5s, [&] { return worker.consumer.healthy() && gateway.publisher.healthy(); }));
  broker.reset();
  gateway.ask(1, "asked between the keys");
  ASSERT_NO_FATAL_FAILURE(start(changed));
  ASSERT_TRUE(turn(8s, [&] { return gateway.publisher.pending() == 0; }));
  EXPECT_TRUE(gateway.errors.empty());
}

TEST_F(Keys, ABrokenListChangesNothingAndIsReportedOnce) {
  const AnnouncedError announced("broker.key_list_refused");
  Asker gateway(loop, metrics, "gateway-1", gateway_side(gateway_keys));
  ASSERT_TRUE(turn(5s, [&] { return gateway.publisher.healthy(); }));
  write_list("gateway gateway-1 nonsense\n");
  ASSERT_TRUE(turn(3s, [&] { return events["broker.key_list_refused"] == 1; }));
  Asker second(loop, metrics, "gateway-2", gateway_side(gateway_keys));
  EXPECT_TRUE(turn(5s, [&] { return second.publisher.healthy(); }));
  EXPECT_TRUE(gateway.publisher.healthy());
  EXPECT_EQ(events["broker.key_list_refused"], 1);
  EXPECT_EQ(events["peer.revoked"], 0);

  revoke(gateway_keys);  // sound again
  EXPECT_TRUE(turn(3s, [&] { return events["peer.revoked"] == 2; }));
}

TEST_F(Keys, AListThatOthersMayWriteIsNotTaken) {
  const AnnouncedError announced("broker.key_list_refused");
  std::filesystem::permissions(list_path, std::filesystem::perms::group_write,
                               std::filesystem::perm_options::add);
  broker->reload_keys();
  EXPECT_EQ(events["broker.key_list_refused"], 1);
  EXPECT_FALSE(BrokerProcess::start(loop, options(), metrics));
}

TEST(KeyLess, TcpIsRefusedUnlessItIsAskedFor) {
  Rig rig;
  BrokerProcessOptions options;
  options.gateways = {"tcp://127.0.0.1:*"};
  const auto refused = BrokerProcess::start(rig.loop, options, rig.metrics);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::config);
  EXPECT_THAT(refused.error().detail, HasSubstr("broker.key_file"));

  options.plain_tcp = PlainTcp::allowed;
  options.workers = {rig.worker_endpoint("b1")};
  const auto broker = BrokerProcess::start(rig.loop, options, rig.metrics);
  ASSERT_TRUE(broker);
  EchoWorker worker(rig.loop, rig.metrics, "worker-1", {rig.worker_endpoint("b1")});
  Asker gateway(rig.loop, rig.metrics, "gateway-1",
                std::vector<BusEndpoint>{{(*broker)->gateway_endpoints().front()}});
  gateway.ask(1, "in clear");
  EXPECT_TRUE(run_until(rig.loop, 5s, [&] { return gateway.publisher.pending() == 0; }));
}

}  // namespace
}  // namespace parley::test
