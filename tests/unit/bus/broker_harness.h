// Drives a Broker by hand: named peers, requests by number, and what each peer was sent.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bus/broker.h"
#include "proto/bus.pb.h"
#include "proto/verbs.h"

namespace parley::test {

struct Received {
  EnvelopeHeader header;
  std::string body;
};

struct PeerCredit {
  std::uint32_t messages = 100;
  std::uint32_t bytes = 1 << 20;
};

inline constexpr auto verb_send = static_cast<std::uint16_t>(Verb::c2c_send);

class BrokerHarness {
 public:
  explicit BrokerHarness(BrokerOptions options = {}) : broker(options, now_) {}

  // The peer's address is its name and boot, so that each incarnation has its own.
  static PeerKey gateway_key(const std::string& name, std::uint64_t boot = 1) {
    return {Side::gateways, name + "#" + std::to_string(boot)};
  }
  static PeerKey worker_key(const std::string& name, std::uint64_t boot = 1) {
    return {Side::workers, name + "#" + std::to_string(boot)};
  }

  void register_gateway(const std::string& name, std::uint64_t boot = 1) {
    wire::RegisterPeer body;
    body.set_role(wire::PEER_ROLE_GATEWAY);
    body.set_name(name);
    body.set_delivery_messages(1'000);
    body.set_delivery_bytes(1 << 20);
    give(gateway_key(name, boot), registration(name, boot), body.SerializeAsString());
  }
  void register_worker(const std::string& name, PeerCredit credit = {}, std::uint64_t boot = 1,
                       std::vector<ServiceId> services = {ServiceId::c2c}) {
    wire::RegisterPeer body;
    body.set_role(wire::PEER_ROLE_WORKER);
    body.set_name(name);
    body.set_credit_messages(credit.messages);
    body.set_credit_bytes(credit.bytes);
    for (const ServiceId service : services) body.add_services(static_cast<std::uint32_t>(service));
    give(worker_key(name, boot), registration(name, boot), body.SerializeAsString());
  }
  // The life before `boot` ends, and the next begins.
  void restart_gateway(const std::string& name, std::uint64_t boot) {
    unreachable(gateway_key(name, boot - 1));
    register_gateway(name, boot);
  }
  void restart_worker(const std::string& name, std::uint64_t boot, PeerCredit credit = {}) {
    unreachable(worker_key(name, boot - 1));
    register_worker(name, credit, boot);
  }
  // What two workers died with goes to the next when both are long known to be dead.
  void rest(const std::vector<PeerKey>& alive) { pass(BrokerOptions{}.dead_after, alive); }
  static EnvelopeHeader registration(const std::string& name, std::uint64_t boot) {
    return {.kind = EnvelopeKind::register_peer,
            .id = {.gateway = instance_id(name), .boot = BootId{boot}}};
  }

  static RequestId id(std::uint64_t number, const std::string& gateway = "g",
                      std::uint64_t boot = 1) {
    return {instance_id(gateway), BootId{boot}, number};
  }
  // A c2c request of gateway "g" (boot 1); the body is its number.
  void request(std::uint64_t number, std::uint64_t key, Duration ttl = 10s) {
    give(gateway_key("g"),
         {.verb = verb_send,
          .key = key,
          .id = id(number),
          .ttl_ms = static_cast<std::uint32_t>(to_ms(ttl))},
         std::to_string(number));
  }
  void reply(const std::string& worker, std::uint64_t number, std::uint64_t boot = 1) {
    give(worker_key(worker, boot), {.kind = EnvelopeKind::reply, .id = id(number)}, "done");
  }
  void say(const PeerKey& from, EnvelopeKind kind) { give(from, {.kind = kind}, {}); }

  void give(const PeerKey& from, const EnvelopeHeader& header, std::string_view body) {
    give_bytes(from, encode(header, body));
  }
  void give_bytes(const PeerKey& from, std::string bytes) {
    broker.on_message(from, anybody(from.side), std::move(bytes), now_);
    collect();
  }
  void unreachable(const PeerKey& peer) {
    broker.on_unreachable(peer, now_);
    collect();
  }
  // Nobody is there, and what was sent since the last take has not arrived.
  void returned(const PeerKey& peer) {
    std::vector<std::string> undelivered;
    for (const Received& sent : std::exchange(boxes_[peer], {}))
      undelivered.push_back(encode(sent.header, sent.body));
    broker.on_unreachable(peer, now_, undelivered);
    collect();
  }

  // Time passes in ticks of 100 ms; who is named answers pings.
  void pass(Duration time, const std::vector<PeerKey>& alive = {}) {
    for (const Instant end = now_ + time; now_ < end;) {
      now_ += 100ms;
      for (const PeerKey& peer : alive)
        broker.on_message(peer, anybody(peer.side),
                          encode(EnvelopeHeader{.kind = EnvelopeKind::pong}, {}), now_);
      broker.on_tick(now_);
      collect();
    }
  }
  // Time passes and the broker does not notice.
  void stand_still(Duration time) { now_ += time; }
  void tick() {
    broker.on_tick(now_);
    collect();
  }
  void hint() {
    broker.on_disconnect_hint(now_);
    collect();
  }
  void drain() {
    broker.drain(now_);
    collect();
  }

  // What a peer was sent of one kind since the last take.
  std::vector<Received> take(const PeerKey& peer, EnvelopeKind kind) {
    std::vector<Received> taken;
    auto& box = boxes_[peer];
    std::erase_if(box, [&](const Received& received) {
      if (received.header.kind == kind) taken.push_back(received);
      return received.header.kind == kind;
    });
    return taken;
  }
  std::vector<std::uint64_t> requests_at(const std::string& worker, std::uint64_t boot = 1) {
    std::vector<std::uint64_t> numbers;
    for (const auto& received : take(worker_key(worker, boot), EnvelopeKind::request))
      numbers.push_back(received.header.id.number);
    return numbers;
  }
  std::vector<Received> replies(const std::string& gateway = "g", std::uint64_t boot = 1) {
    return take(gateway_key(gateway, boot), EnvelopeKind::reply);
  }
  // Number → error (0: answered) of the replies to gateway "g" since the last take.
  std::map<std::uint64_t, Errc> verdicts() {
    std::map<std::uint64_t, Errc> all;
    for (const auto& received : replies())
      EXPECT_TRUE(
          all.emplace(received.header.id.number, static_cast<Errc>(received.header.error)).second)
          << "answered twice: " << received.header.id.number;
    return all;
  }
  bool is_registered(const PeerKey& peer) {
    take(peer, EnvelopeKind::pong);
    say(peer, EnvelopeKind::ping);
    return !take(peer, EnvelopeKind::pong).empty();
  }
  wire::BrokerStatus status(const PeerKey& from = {Side::gateways, "operator"}) {
    say(from, EnvelopeKind::status);
    wire::BrokerStatus status;
    const auto replies = take(from, EnvelopeKind::status_reply);
    const bool is_status = replies.size() == 1 && status.ParseFromString(replies[0].body);
    EXPECT_TRUE(is_status);
    return status;
  }

  Instant now() const { return now_; }
  const BrokerCounters& counters() const { return broker.counters(); }

 private:
  Instant now_{std::chrono::hours(1)};

 public:
  Broker broker;

 protected:
  void collect() {
    for (auto& action : broker.take_actions()) {
      const auto envelope = decode_envelope(action.bytes);
      ASSERT_TRUE(envelope.has_value());
      boxes_[action.to].push_back({envelope->header, std::string(envelope->body)});
    }
  }

 private:
  std::unordered_map<PeerKey, std::vector<Received>> boxes_;
};

// The ok verdict, for maps of verdicts.
inline constexpr auto answered = static_cast<Errc>(0);

}  // namespace parley::test
