// Too much of what is allowed, and peers who do not read (RELIABILITY §4.3): it costs themselves.
#include <atomic>
#include <thread>

#include "bus/batch.h"
#include "proto/delivery.h"
#include "tests/integration/bus/bad_input/besieged_broker.h"

namespace parley::test {
namespace {

class Flood : public BadInput {
 protected:
  // A peer that takes next to nothing without reading, and says now and then that it lives.
  std::unique_ptr<RawPeer> who_does_not_read(Side side) {
    return std::make_unique<RawPeer>(broker().files(side),
                                     RawPeer::Options{.receive_buffer = 4'096});
  }
};

TEST_F(Flood, OfTinyMessagesIsCountedAndForgotten) {
  must_count("malformed", 1'000'000);
  RawPeer peer = at(Side::workers);
  for (int i = 0; i < 1'000'000; ++i) ASSERT_TRUE(peer.send(std::vector{std::string("x")}));
  ASSERT_TRUE(peer.say(EnvelopeKind::ping));
  EXPECT_TRUE(peer.expect(EnvelopeKind::not_registered)) << "the last has been read";
}

TEST_F(Flood, OfPingsAndPongsIsAnsweredAndForgotten) {
  must_count("strangers", 20'000);
  RawPeer gateway = at(Side::gateways);
  ASSERT_TRUE(gateway.is_registered_as(gateway_named("gateway-storm")));
  RawPeer stranger = at(Side::gateways);
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_TRUE(gateway.say(i % 2 == 0 ? EnvelopeKind::ping : EnvelopeKind::pong));
    ASSERT_TRUE(stranger.say(EnvelopeKind::ping));
  }
  for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(gateway.expect(EnvelopeKind::pong));
  for (int i = 0; i < 20'000; ++i) ASSERT_TRUE(stranger.expect(EnvelopeKind::not_registered));
}

// Each of its messages makes answers that find no room, for as long as it goes on.
TEST_F(Flood, WithoutAnEndOfWhoDoesNotReadLeavesTheBrokerToOthers) {
  memory_growth_max = 160 << 20;  // a thousand messages each way
  must_count("unsent", 10'000);
  std::atomic<bool> is_over = false;
  std::thread flood([&] {
    const auto deaf = who_does_not_read(Side::gateways);
    ASSERT_TRUE(deaf->is_registered_as(gateway_named("gateway-storm")));
    const std::vector<std::string> pings(500, encode({.kind = EnvelopeKind::ping}, {}));
    auto next = pings.begin();
    std::string batch;
    while (!is_over && deaf->send({std::string(pack(next, pings.end(), batch))}))
      if (next == pings.end()) next = pings.begin();
  });
  const double before = broker().counter("unsent");
  EXPECT_TRUE(eventually(10s, [&] { return broker().counter("unsent") >= before + 10'000; }));
  broker().allow({broker().gateway_keys, broker().worker_keys});
  broker().allow({broker().gateway_keys, broker().worker_keys, broker().business_keys});
  RawPeer gateway = at(Side::gateways);
  EXPECT_TRUE(gateway.is_registered_as(gateway_named("gateway-meanwhile")));
  is_over = true;
  flood.join();
}

// Neither the answers that it asks for nor the deliveries that it has let come.
TEST_F(Flood, OfAnswersToAGatewayThatDoesNotReadCostsItsOwn) {
  memory_growth_max = 48 << 20;
  must_count("unsent");
  const auto gateway = who_does_not_read(Side::gateways);
  const Registration who = gateway_named("gateway-deaf");
  ASSERT_TRUE(gateway->is_registered_as(who));
  EnvelopeHeader question = request_of(who, 1);
  question.verb = static_cast<std::uint16_t>(Verb::app_request);
  for (; question.id.number < 200'000; ++question.id.number) ASSERT_TRUE(gateway->send(question));
  broker().settle();
}

// ZeroMQ bounds what it keeps for a connection by messages: 1,000 here, of up to a MiB each.
TEST_F(Flood, OfAnswersToABusinessSystemThatDoesNotReadEndsAtItsBytes) {
  memory_growth_max = 100 << 20;  // 64 MiB, and what is on its way
  must_count("unread_dropped", 100);
  must_log("peer.stuck", "hr", broker().business_keys.public_key);
  RawPeer::Options options = broker().with(broker().business_keys);
  options.receive_buffer = 4'096;
  RawPeer deaf(broker().tcp(Side::gateways), options);
  const Registration hr{.role = wire::PEER_ROLE_BUSINESS, .name = "hr"};
  ASSERT_TRUE(deaf.is_registered_as(hr));
  RawPeer worker = at(Side::workers);
  Registration pushes = worker_named("worker-push");
  pushes.services = {static_cast<std::uint32_t>(ServiceId::push)};
  ASSERT_TRUE(worker.is_registered_as(pushes));
  EnvelopeHeader question = request_of(hr, 1);
  question.verb = static_cast<std::uint16_t>(Verb::push_publish);
  const std::string page(1'000'000, 'x');
  for (; question.id.number <= 200; ++question.id.number) {
    ASSERT_TRUE(deaf.send(question, "page"));
    const auto asked = worker.expect(EnvelopeKind::request);
    ASSERT_TRUE(asked);
    ASSERT_TRUE(worker.send({.kind = EnvelopeKind::reply, .id = asked->header.id}, page));
  }
  broker().settle();
}

TEST_F(Flood, OfDeliveriesToAGatewayThatDoesNotReadIsDroppedAtItsBound) {
  memory_growth_max = 64 << 20;  // 32 MiB wait, and what the kernel and ZeroMQ hold
  must_count("deliveries_dropped");
  must_count("delivery_credit_exhausted");
  const auto gateway = who_does_not_read(Side::gateways);
  ASSERT_TRUE(gateway->is_registered_as(gateway_named("gateway-deaf")));
  RawPeer worker = at(Side::workers);
  ASSERT_TRUE(worker.is_registered_as(worker_named("worker-talks")));
  const std::string items(10'000, 'x');
  for (int i = 0; i < 8'000; ++i) {
    if (i % 500 == 0) {
      ASSERT_TRUE(gateway->say(EnvelopeKind::ping));
      ASSERT_TRUE(worker.say(EnvelopeKind::ping));
    }
    ASSERT_TRUE(worker.send(
        {.kind = EnvelopeKind::deliver, .id = {.gateway = instance_id("gateway-deaf")}}, items));
  }
}

TEST_F(Flood, OfRequestsToAWorkerThatDoesNotReadEndsAtItsCreditAndTheQueue) {
  // The queue's 64 MiB; the worker's credit, here and once more in ZeroMQ.
  memory_growth_max = 160 << 20;
  must_count("credit_exhausted");
  must_count("busy");
  must_count("expired");
  const auto worker = who_does_not_read(Side::workers);
  Registration deaf = worker_named("worker-deaf");
  deaf.credit_messages = 10'000;
  deaf.credit_bytes = 32 << 20;
  ASSERT_TRUE(worker->is_registered_as(deaf));
  RawPeer gateway = at(Side::gateways);
  const Registration who = gateway_named("gateway-asks");
  ASSERT_TRUE(gateway.is_registered_as(who));
  const std::string body(4'000, 'x');
  constexpr std::uint64_t asked = 30'000;
  EnvelopeHeader question = request_of(who, 1);
  question.ttl_ms = 2'000;
  std::uint64_t answered = 0;
  const auto take_answers = [&](Duration limit) {
    while (gateway.expect(EnvelopeKind::reply, limit)) ++answered;
  };
  for (std::uint64_t i = 1; i <= asked; ++i) {
    question.id.number = i;
    question.key = i % 100;
    ASSERT_TRUE(gateway.send(question, body));
    if (i % 1'000 == 0) {
      ASSERT_TRUE(worker->say(EnvelopeKind::ping));
      take_answers(1ms);
    }
  }
  const Instant deadline = monotonic_now() + 15s;
  while (answered < asked && monotonic_now() < deadline) {
    ASSERT_TRUE(worker->say(EnvelopeKind::ping));
    take_answers(300ms);
  }
  EXPECT_EQ(answered, asked) << "each has one answer, and be it retry_later";
}

}  // namespace
}  // namespace parley::test
