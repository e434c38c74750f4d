// A gateway's side of the bus without any clients: asks workers and keeps what they deliver. Owner
// thread only.
#pragma once

#include <google/protobuf/message_lite.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "bus/publisher.h"
#include "proto/c2c.pb.h"
#include "proto/delivery.h"
#include "proto/login.pb.h"
#include "proto/route.pb.h"
#include "proto/verbs.h"

namespace parley::test {

// Who asks: what a gateway knows of a session.
struct Caller {
  UserId user = {};
  DeviceId device = {};
};

class BusGateway {
 public:
  struct Reply {
    EnvelopeHeader header;
    std::string body;
  };
  struct Told {
    std::uint16_t notice = 0;
    std::uint64_t target = 0;
    std::vector<UserId> users = {};
    std::string body = {};
  };

  explicit BusGateway(const std::vector<std::string>& brokers,
                      const std::string& name = "gateway-9") {
    publisher_ = std::make_unique<Publisher>(
        loop_,
        PublisherOptions{.instance = name, .brokers = *load_bus_endpoints({.brokers = brokers})},
        Publisher::Handlers{
            .on_reply =
                [this](const EnvelopeHeader& header, std::string_view body) {
                  replies.push_back({header, std::string(body)});
                },
            .on_delivery = [this](const EnvelopeHeader&, std::string_view body) { keep(body); },
            .on_connected = [] {}},
        metrics_);
  }

  Loop& loop() { return loop_; }
  bool turn_until(Duration limit, const std::function<bool()>& condition) {
    const Instant deadline = monotonic_now() + limit;
    Timer poll(loop_, [&] {
      if (condition() || monotonic_now() > deadline) loop_.stop();
    });
    poll.every(1ms);
    loop_.run();
    return condition();
  }
  bool connect() {
    return turn_until(10s, [this] { return publisher_->healthy(); });
  }

  void publish(Verb verb, const Caller& caller, std::uint64_t target, std::string_view body) {
    EnvelopeHeader header;
    header.verb = static_cast<std::uint16_t>(verb);
    header.user = caller.user;
    header.device = caller.device;
    header.target = target;
    header.key = target != 0 ? target : ++spread_;
    const auto number = publisher_->publish(header, body);
    ASSERT_TRUE(number) << number.error().detail;
    ++asked;
  }
  bool all_answered(Duration limit = 15s) {
    return turn_until(limit, [this] { return replies.size() == asked; });
  }

  // Asks one question and waits; fails the test on an error.
  template <typename Answer>
  Answer ask(Verb verb, const Caller& caller, std::uint64_t target,
             const google::protobuf::MessageLite& message) {
    publish(verb, caller, target, message.SerializeAsString());
    EXPECT_TRUE(all_answered());
    EXPECT_EQ(replies.back().header.error, 0);
    Answer answer;
    EXPECT_TRUE(answer.ParseFromString(replies.back().body));
    return answer;
  }

  // Registers and logs in; the worker binds the session to what is returned.
  Caller newcomer(const std::string& name, std::uint64_t device) {
    wire::RegisterRequest account;
    account.set_name(name);
    account.set_password("correct horse battery");
    ask<wire::RegisterReply>(Verb::login_register, {}, 0, account);
    wire::PasswordRequest login;
    login.set_name(name);
    login.set_password("correct horse battery");
    login.mutable_device()->set_id(device);
    login.mutable_device()->set_device_class(wire::DEVICE_CLASS_PC);
    ask<wire::LoginReply>(Verb::login_password, {}, 0, login);
    const EnvelopeHeader& bound = replies.back().header;
    EXPECT_EQ(bound.flags, flag_binds_session);
    return {bound.user, bound.device};
  }
  void report(const std::vector<UserId>& present) {
    wire::RouteReport message;
    for (const UserId user : present) message.add_present(user.value);
    ask<wire::RouteReportReply>(Verb::route_report, {}, 0, message);
  }
  void send(const Caller& from, std::uint64_t conversation, unsigned id, const std::string& text) {
    wire::SendRequest message;
    std::string client_id(16, '\0');
    for (std::size_t i = 0; i < 4; ++i) client_id[i] = static_cast<char>(id >> (8 * i));
    message.set_client_id(client_id);
    message.set_kind(wire::MESSAGE_KIND_TEXT);
    message.set_body(text);
    publish(Verb::c2c_send, from, conversation, message.SerializeAsString());
  }
  std::size_t noticed(Notice notice) const {
    std::size_t count = 0;
    for (const Told& one : notices) count += one.notice == static_cast<std::uint16_t>(notice);
    return count;
  }

  std::vector<Reply> replies;
  std::vector<Told> notices;
  std::size_t asked = 0;

 private:
  void keep(std::string_view body) {
    const auto items = decode_deliveries(body);
    ASSERT_TRUE(items);
    for (const DeliveryItem& item : *items)
      notices.push_back({item.notice, item.target, item.users, std::string(item.body)});
  }

  Metrics metrics_;
  Loop loop_;
  std::unique_ptr<Publisher> publisher_;
  std::uint64_t spread_ = 0;
};

}  // namespace parley::test
