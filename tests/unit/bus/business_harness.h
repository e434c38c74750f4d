// A broker with a gateway "g", a worker "w" and business systems that can be registered in one
// line.
#pragma once

#include <optional>

#include "bus/delivery_meter.h"
#include "proto/limits.h"
#include "tests/unit/bus/broker_harness.h"

namespace parley::test {

inline constexpr auto app_request = static_cast<std::uint16_t>(Verb::app_request);
inline constexpr auto push_publish = static_cast<std::uint16_t>(Verb::push_publish);

struct BusinessWish {
  std::vector<std::string> apps = {};
  PeerCredit credit = {};
  DeliveryWindow deliveries = {};
  bool answers_traces = false;
};

class BusinessBus : public BrokerHarness {
 public:
  explicit BusinessBus(BrokerOptions options = {}) : BrokerHarness(options) {
    register_gateway("g");
    register_worker("w", {}, 1, {ServiceId::c2c, ServiceId::push});
  }

  static PeerKey business_key(const std::string& name, std::uint64_t boot = 1) {
    return gateway_key(name, boot);
  }
  static wire::RegisterPeer wish_of(const std::string& name, const BusinessWish& wish) {
    wire::RegisterPeer body;
    body.set_role(wire::PEER_ROLE_BUSINESS);
    body.set_name(name);
    for (const std::string& app : wish.apps) body.add_apps(app);
    body.set_credit_messages(wish.credit.messages);
    body.set_credit_bytes(wish.credit.bytes);
    body.set_delivery_messages(wish.deliveries.messages);
    body.set_delivery_bytes(wish.deliveries.bytes);
    body.set_answers_traces(wish.answers_traces);
    return body;
  }
  void register_business(const std::string& name, const BusinessWish& wish,
                         std::uint64_t boot = 1) {
    give(business_key(name, boot), registration(name, boot),
         wish_of(name, wish).SerializeAsString());
  }
  // As register_business, over an encrypted connection with that key.
  void register_with_key(const PeerKey& from, const Principal& who,
                         const wire::RegisterPeer& body) {
    broker.on_message(from, who, encode(registration(body.name(), 1), body.SerializeAsString()),
                      now());
    collect();
  }
  void give_as(const PeerKey& from, const Principal& who, const EnvelopeHeader& header) {
    broker.on_message(from, who, encode(header, {}), now());
    collect();
  }

  // A logged-in client of gateway "g" asks an app.
  void ask(std::uint64_t number, const std::string& app, UserId user = UserId{7}) {
    give(gateway_key("g"),
         {.verb = app_request,
          .key = user.value,
          .id = id(number),
          .user = user,
          .device = DeviceId{8},
          .target = instance_id(app).value,
          .trace = 99,
          .ttl_ms = 10'000},
         "question");
  }
  void answer(const PeerKey& from, std::uint64_t number, EnvelopeHeader header = {},
              std::string_view body = "answer") {
    header.kind = EnvelopeKind::reply;
    header.id = id(number);
    give(from, header, body);
  }
  std::optional<Errc> refusal(const PeerKey& peer) {
    const auto refusals = take(peer, EnvelopeKind::not_registered);
    if (refusals.size() != 1) return std::nullopt;
    return static_cast<Errc>(refusals[0].header.error);
  }
  void deliver(const std::string& to, std::string_view body, const std::string& worker = "w") {
    give(worker_key(worker),
         {.kind = EnvelopeKind::deliver,
          .id = {.gateway = to.empty() ? InstanceId{} : instance_id(to)}},
         body);
  }
  void grant(const PeerKey& from, std::uint64_t messages, std::uint64_t bytes) {
    give(from, {.kind = EnvelopeKind::credit, .id = {.number = messages}, .target = bytes}, {});
  }
  std::vector<std::string> delivered(const PeerKey& to) {
    std::vector<std::string> bodies;
    for (const auto& received : take(to, EnvelopeKind::deliver)) bodies.push_back(received.body);
    return bodies;
  }
};

}  // namespace parley::test
