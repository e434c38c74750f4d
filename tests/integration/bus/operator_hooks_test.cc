// What a broker asks of gateways and workers on an operator's behalf.
#include <gmock/gmock.h>

#include "proto/bus.pb.h"
#include "tests/integration/bus/rig.h"
#include "tests/support/fake_broker.h"

namespace parley::test {
namespace {

constexpr std::uint64_t trace = 0xABCDEF;

// Registers whoever comes, gives a worker one request, answers a gateway's, then asks both for the
// trace and finally to leave.
class AskingBroker {
 public:
  std::string endpoint() const { return broker_.endpoint(); }
  // What it was told before it said DRAIN; that was the last it said.
  const wire::TraceAnswer& answer() {
    broker_.stop();
    return answer_;
  }

 private:
  std::vector<std::string> react(const Envelope& envelope) {
    const EnvelopeHeader& header = envelope.header;
    switch (header.kind) {
      case EnvelopeKind::register_peer: return welcome(envelope.body);
      case EnvelopeKind::request:
        return {encode({.kind = EnvelopeKind::reply, .id = header.id, .trace = trace}, {}),
                query()};
      case EnvelopeKind::reply: return {query()};
      case EnvelopeKind::trace_answer:
        EXPECT_EQ(header.id.number, 5u);
        EXPECT_TRUE(answer_.ParseFromString(std::string(envelope.body)));
        return {encode({.kind = EnvelopeKind::drain}, {})};
      default: return {};
    }
  }
  static std::vector<std::string> welcome(std::string_view body) {
    wire::RegisterPeer peer;
    EXPECT_TRUE(peer.ParseFromString(std::string(body)));
    wire::Registered registered;
    registered.set_broker("broker-1");
    registered.set_broker_boot(1);
    registered.set_ping_every_ms(500);
    registered.set_dead_after_ms(1500);
    std::vector<std::string> said{
        encode({.kind = EnvelopeKind::registered}, registered.SerializeAsString())};
    if (peer.role() == wire::PEER_ROLE_WORKER)
      said.push_back(encode({.kind = EnvelopeKind::request,
                             .verb = static_cast<std::uint16_t>(Verb::c2c_send),
                             .attempt = 2,
                             .user = UserId{9},
                             .trace = trace},
                            "hello"));
    return said;
  }
  static std::string query() {
    wire::TraceQuery wanted;
    wanted.set_trace(trace);
    return encode({.kind = EnvelopeKind::trace_query, .id = {.number = 5}},
                  wanted.SerializeAsString());
  }

  wire::TraceAnswer answer_;
  FakeBroker broker_{[this](const Envelope& envelope) { return react(envelope); }};
};

std::vector<std::string> points(const wire::TraceAnswer& answer) {
  std::vector<std::string> points;
  for (const auto& event : answer.events()) points.push_back(event.point());
  return points;
}

TEST(OperatorHooks, WorkerTellsWhatItKnowsAndLeavesWhenItIsTold) {
  AskingBroker broker;
  Loop loop;
  Metrics metrics;
  int drains = 0;
  std::unique_ptr<Consumer> consumer;
  consumer = std::make_unique<Consumer>(
      loop,
      ConsumerOptions{
          .instance = "worker-1", .brokers = {{broker.endpoint()}}, .services = {ServiceId::c2c}},
      Consumer::Handlers{
          .on_request =
              [&](const BusRequest& request) {
                const auto error = static_cast<std::uint16_t>(Errc::not_found);
                consumer->reply(request, {.error = error}, {});
              },
          .on_unreachable = [](InstanceId, std::string_view) {},
          .is_alive = [] { return true; },
          .on_drain = [&] { ++drains; }},
      metrics);
  ASSERT_TRUE(run_until(loop, 10s, [&] { return drains > 0; }));
  EXPECT_EQ(drains, 1);
  EXPECT_EQ(broker.answer().process(), "worker-1");
  EXPECT_THAT(points(broker.answer()), testing::ElementsAre("worker_received", "worker_replied"));
  for (const auto& event : broker.answer().events()) {
    EXPECT_EQ(event.attempt(), 2u);
    EXPECT_EQ(event.user(), 9u);
  }
  EXPECT_EQ(broker.answer().events(1).error(), static_cast<std::uint32_t>(Errc::not_found));
}

TEST(OperatorHooks, GatewayTellsWhatItKnowsAndLeavesWhenItIsTold) {
  AskingBroker broker;
  Loop loop;
  Metrics metrics;
  int drains = 0;
  std::unique_ptr<Publisher> publisher;
  publisher = std::make_unique<Publisher>(
      loop, PublisherOptions{.instance = "gateway-1", .brokers = {{broker.endpoint()}}},
      Publisher::Handlers{
          .on_reply = [](const EnvelopeHeader&, std::string_view) {},
          .on_delivery = [](const EnvelopeHeader&, std::string_view) {},
          .on_connected =
              [&] {
                EXPECT_TRUE(publisher->publish(
                    {.verb = static_cast<std::uint16_t>(Verb::c2c_send), .trace = trace}, "hello"));
              },
          .on_drain = [&] { ++drains; }},
      metrics);
  ASSERT_TRUE(run_until(loop, 10s, [&] { return drains > 0; }));
  EXPECT_EQ(drains, 1);
  EXPECT_EQ(broker.answer().process(), "gateway-1");
  EXPECT_THAT(points(broker.answer()),
              testing::ElementsAre("gateway_published", "gateway_replied"));
}

}  // namespace
}  // namespace parley::test
