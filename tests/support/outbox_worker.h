// A worker for what business systems ask, in a test's own loop: keeps pushes, and an outbox of message events with a
// subscription for each peer (proto/push.proto, proto/event.proto).
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "bus/consumer.h"
#include "proto/delivery.h"
#include "proto/event.pb.h"
#include "proto/push.pb.h"

namespace parley::test {

class OutboxWorker {
 public:
  OutboxWorker(Loop& loop, const std::vector<std::string>& brokers)
      : consumer_(loop,
                  {.instance = fmt::format("outbox-{:x}", secure_random_id()),
                   .brokers = *load_bus_endpoints({.brokers = brokers}),
                   .services = {ServiceId::push, ServiceId::event}},
                  {.on_request = [this](const BusRequest& request) { answer(request); },
                   .on_unreachable = [](InstanceId, std::string_view) {},
                   .is_alive = [] { return true; }},
                  metrics_) {}

  // An event comes to be, and subscribers are told.
  void add() {
    ++newest;
    std::string items;
    append_delivery({.notice = static_cast<std::uint16_t>(Notice::event_news),
                     .target = newest,
                     .skip_device = {},
                     .users = {},
                     .body = {}},
                    items);
    if (!hints) return;
    for (const auto& [subscriber, cursor] : acknowledged_)
      consumer_.deliver(subscriber, subscriber.value, items);
  }
  bool knows(InstanceId subscriber) const { return acknowledged_.contains(subscriber); }
  bool has_subscriber() const { return !acknowledged_.empty(); }
  // Of the only subscriber; 0: there is none.
  std::uint64_t acknowledged() const {
    return acknowledged_.empty() ? 0 : acknowledged_.begin()->second;
  }

  bool hints = true;
  std::uint64_t newest = 0;
  std::vector<wire::PublishRequest> pushes;

 private:
  void answer(const BusRequest& request) {
    const InstanceId asker = request.header.id.gateway;
    switch (static_cast<Verb>(request.header.verb)) {
      case Verb::push_publish: return reply(request, publish(request.body));
      case Verb::event_subscribe: {
        wire::SubscribeReply subscribed;
        subscribed.set_cursor(acknowledged_[asker]);
        return reply(request, subscribed);
      }
      case Verb::event_pull: return reply(request, page(asker, request.body));
      default: ADD_FAILURE() << "verb " << request.header.verb;
    }
  }
  void reply(const BusRequest& request, const google::protobuf::MessageLite& body) {
    consumer_.reply(request, {}, body.SerializeAsString());
  }
  wire::PublishReply publish(const std::string& body) {
    wire::PublishRequest push;
    EXPECT_TRUE(push.ParseFromString(body));
    pushes.push_back(push);
    wire::PublishReply published;
    for (const std::uint64_t user : push.users()) {
      auto& receipt = *published.add_receipts();
      receipt.set_user(user);
      receipt.set_fate(push.keep() == wire::KEEP_STORED ? wire::FATE_STORED : wire::FATE_SENT);
      receipt.set_number(pushes.size());
    }
    return published;
  }
  wire::EventPullReply page(InstanceId asker, const std::string& body) {
    wire::EventPullRequest pull;
    EXPECT_TRUE(pull.ParseFromString(body));
    std::uint64_t& cursor = acknowledged_[asker];
    cursor = std::max(cursor, pull.cursor());
    wire::EventPullReply page;
    std::uint64_t next = cursor;
    for (; page.events_size() < static_cast<int>(pull.limit()) && next < newest; ++next) {
      wire::Event& event = *page.add_events();
      event.set_cursor(next + 1);
      event.set_kind(wire::EVENT_KIND_MESSAGE);
      wire::MessageEvent& message = *event.mutable_message();
      message.set_conversation(0x80000002);
      message.mutable_entry()->set_seq(next + 1);
      message.mutable_entry()->set_body("message " + std::to_string(next + 1));
    }
    page.set_cursor(next);
    page.set_more(next < newest);
    return page;
  }

  Metrics metrics_;
  std::map<InstanceId, std::uint64_t> acknowledged_;
  Consumer consumer_;
};

}  // namespace parley::test
