// Registrations that no peer of ours sends (RELIABILITY §4.3), over the file that everybody may
// open.
#include "tests/integration/bus/bad_input/besieged_broker.h"

namespace parley::test {
namespace {

class BadRegistrations : public BadInput {
 protected:
  void expect_answer(RawPeer& peer, const std::string& bytes, Errc reason) {
    ASSERT_TRUE(peer.send(std::vector{bytes}));
    const auto answer = peer.expect(EnvelopeKind::not_registered);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->header.error, number_of(reason));
  }
};

Registration with(Registration base, const std::function<void(Registration&)>& change) {
  change(base);
  return base;
}

std::string under_id(const Registration& who, InstanceId instance, std::uint64_t boot) {
  return encode(
      {.kind = EnvelopeKind::register_peer, .id = {.gateway = instance, .boot = BootId{boot}}},
      who.body());
}

TEST_F(BadRegistrations, ThatMakeNoSenseAreRefused) {
  const Registration gateway = gateway_named("g");
  const Registration worker = worker_named("w");
  const Registration business{.role = wire::PEER_ROLE_BUSINESS,
                              .name = "b",
                              .apps = {"app.x"},
                              .credit_messages = 1,
                              .credit_bytes = 1};
  const auto named = [&](const std::string& name) {
    return with(gateway, [&](Registration& r) { r.name = name; }).bytes();
  };
  const auto of_worker = [&](const std::function<void(Registration&)>& change) {
    return with(worker, change).bytes();
  };
  const auto of_business = [&](const std::function<void(Registration&)>& change) {
    return with(business, change).bytes();
  };
  struct Row {
    const char* what;
    Side side;
    std::string bytes;
  };
  const std::vector<Row> rows{
      {"no body", Side::gateways, encode({.kind = EnvelopeKind::register_peer}, {})},
      {"no protobuf", Side::gateways, encode({.kind = EnvelopeKind::register_peer}, "\xff\xff")},
      {"no name", Side::gateways, named("")},
      {"name of 65 bytes", Side::gateways, named(std::string(65, 'n'))},
      {"line break in a name", Side::gateways, named("g\n{\"level\":\"error\"}")},
      {"NUL in a name", Side::gateways, named(std::string("g\0g", 3))},
      {"UTF-8 in a name", Side::gateways, named("g\xc3\xa4")},
      {"another's id", Side::gateways, under_id(gateway, instance_id("other"), 1)},
      {"no id", Side::gateways, under_id(gateway, InstanceId{}, 1)},
      {"no boot", Side::gateways, under_id(gateway, instance_id("g"), 0)},
      {"no role", Side::gateways,
       with(gateway, [](Registration& r) { r.role = wire::PEER_ROLE_UNSPECIFIED; }).bytes()},
      {"unknown role", Side::gateways,
       with(gateway, [](Registration& r) { r.role = static_cast<wire::PeerRole>(99); }).bytes()},
      {"worker at the gateways' socket", Side::gateways, worker.bytes()},
      {"gateway at the workers' socket", Side::workers, gateway.bytes()},
      {"business at the workers' socket", Side::workers, business.bytes()},
      {"no services", Side::workers, of_worker([](auto& r) { r.services.clear(); })},
      {"service 0", Side::workers, of_worker([](auto& r) { r.services = {0}; })},
      {"service 256", Side::workers, of_worker([](auto& r) {
         r.services = {2, 256};
       })},
      {"the service of apps", Side::workers, of_worker([](auto& r) { r.services = {8}; })},
      {"a worker with an app", Side::workers, of_worker([](auto& r) { r.apps = {"app.x"}; })},
      {"no credit in messages", Side::workers, of_worker([](auto& r) { r.credit_messages = 0; })},
      {"no credit in bytes", Side::workers, of_worker([](auto& r) { r.credit_bytes = 0; })},
      {"an app without prefix", Side::gateways, of_business([](auto& r) { r.apps = {"x"}; })},
      {"an app without name", Side::gateways, of_business([](auto& r) { r.apps = {"app."}; })},
      {"17 apps", Side::gateways, of_business([](auto& r) { r.apps.resize(17, "app.x"); })},
      {"a business system with services", Side::gateways,
       of_business([](auto& r) { r.services = {2}; })},
      {"an app without credit", Side::gateways, of_business([](auto& r) { r.credit_bytes = 0; })}};
  must_count("registrations_refused", static_cast<double>(rows.size()));
  must_log("peer.refused");
  const double registrations = broker().counter("registrations");
  RawPeer front = at(Side::gateways);
  RawPeer back = at(Side::workers);
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    expect_answer(row.side == Side::workers ? back : front, row.bytes, Errc::bad_request);
  }
  broker().settle();
  EXPECT_EQ(broker().counter("registrations"), registrations);
}

TEST_F(BadRegistrations, SaidAgainAreAnsweredAgainAndChangeNothing) {
  const Registration who = worker_named("worker-again", 5);
  RawPeer worker = at(Side::workers);
  const double before = broker().counter("registrations");
  for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(worker.send(std::vector{who.bytes()}));
  for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(worker.expect(EnvelopeKind::registered));
  broker().settle();
  EXPECT_EQ(broker().counter("registrations"), before + 1);
}

// 300 at once, 20 a second; each that is lost is work for the broker.
TEST_F(BadRegistrations, ThatComeAndGoWithoutEndAreSlowedDown) {
  must_count("rate_limited", 2'000);
  must_log("peer.refused", "restless", broker().restless_keys.public_key);
  RawPeer restless(broker().tcp(Side::gateways), broker().with(broker().restless_keys));
  const double before = broker().counter("registrations");
  const Instant begin = monotonic_now();
  Registration who{.role = wire::PEER_ROLE_BUSINESS, .name = "restless"};
  for (who.boot = 1; who.boot <= 3'000; ++who.boot) {
    ASSERT_TRUE(restless.send(std::vector{who.bytes()}));
    ASSERT_TRUE(restless.say(EnvelopeKind::bye));
  }
  broker().settle();
  const auto refilled = static_cast<double>((monotonic_now() - begin) / 50ms);
  EXPECT_LE(broker().counter("registrations"), before + 301 + refilled);
}

// Somebody has recorded how it registered, and says the same from elsewhere.
TEST_F(BadRegistrations, ReplayedFromElsewhereAreAConflictWhileTheFirstLives) {
  must_count("registrations_refused", 3);
  must_log("peer.refused", "gateway-first");
  const Registration who = gateway_named("gateway-first", 5);
  RawPeer first = at(Side::gateways);
  ASSERT_TRUE(first.is_registered_as(who));
  RawPeer second = at(Side::gateways);
  for (int i = 0; i < 3; ++i) {
    expect_answer(second, who.bytes(), Errc::conflict);
    ASSERT_TRUE(first.is_heard());
  }
  RawPeer worker = at(Side::workers);
  ASSERT_TRUE(worker.is_registered_as(worker_named("worker-1", secure_random_id())));
  expect_exchange(first, who, worker);
}

TEST_F(BadRegistrations, OneAddressIsOnePeerWhateverItCallsItself) {
  must_count("registrations", 500);
  must_count("peers_lost", 499);
  RawPeer liar = at(Side::gateways);
  for (std::uint64_t i = 0; i < 500; ++i)
    ASSERT_TRUE(liar.is_registered_as(gateway_named("name-" + std::to_string(i), i + 1)));
}

TEST_F(BadRegistrations, MoreThanThereIsRoomForAreToldToComeLater) {
  must_count("registrations_refused");
  std::vector<std::unique_ptr<RawPeer>> crowd;
  std::optional<Got> last;
  for (std::uint64_t i = 0; i < 45; ++i) {
    crowd.push_back(std::make_unique<RawPeer>(broker().files(Side::gateways)));
    last = crowd.back()->register_as(gateway_named("crowd-" + std::to_string(i)));
    ASSERT_TRUE(last);
  }
  EXPECT_EQ(last->header.kind, EnvelopeKind::not_registered);
  EXPECT_EQ(last->header.error, number_of(Errc::retry_later));
  EXPECT_GT(last->header.retry_after_ms, 0u);
}

}  // namespace
}  // namespace parley::test
