#include "tests/e2e/bad_input/good_bodies.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "proto/c2c.pb.h"
#include "proto/event.pb.h"
#include "proto/login.pb.h"
#include "proto/push.pb.h"

namespace parley::test {

std::string good_body(Verb verb, const Account& caller, const Account& peer,
                      std::uint64_t event_cursor) {
  const auto device = [&](wire::Device& out) {
    out.set_id(caller.device.value);
    out.set_device_class(caller.device_class);
  };
  wire::RegisterRequest account;
  wire::TokenRequest token;
  wire::ResumeRequest resume;
  wire::FindRequest find;
  wire::ReceiptRequest receipt;
  wire::PullRequest pull;
  wire::HistoryRequest history;
  wire::ConversationsRequest conversations;
  wire::PublishRequest publish;
  wire::SubscribeRequest subscribe;
  wire::EventPullRequest events;
  switch (verb) {
    case Verb::login_register:
      account.set_name(fmt::format("field-{:016x}", secure_random_id()));
      account.set_password(BesiegedGateway::password);
      account.set_nickname("nick");
      return account.SerializeAsString();
    case Verb::login_password:
      return password_body(caller.name, BesiegedGateway::password, caller);
    case Verb::login_token:
      token.set_access_token(caller.access_token);
      device(*token.mutable_device());
      return token.SerializeAsString();
    case Verb::login_resume:
      resume.set_device_token(caller.device_token);
      device(*resume.mutable_device());
      return resume.SerializeAsString();
    case Verb::login_logout:
      return {};
    case Verb::login_find:
      find.add_names(peer.name);
      find.add_users(peer.user.value);
      return find.SerializeAsString();
    case Verb::c2c_send:
      return send_body("good");
    case Verb::c2c_receipt:
      receipt.set_received(1);
      receipt.set_read(1);
      return receipt.SerializeAsString();
    case Verb::c2c_pull:
      pull.set_from(1);
      pull.set_to(2);
      return pull.SerializeAsString();
    case Verb::c2c_history:
      history.set_before(2);
      history.set_limit(2);
      return history.SerializeAsString();
    case Verb::c2c_conversations:
      conversations.set_after(1);
      conversations.set_limit(2);
      return conversations.SerializeAsString();
    case Verb::push_publish:
      publish.set_publish_id(fmt::format("{:016x}", secure_random_id()));
      publish.set_publisher(business_name);
      publish.set_keep(wire::KEEP_STORED);
      publish.add_users(peer.user.value);
      publish.set_body("good");
      return publish.SerializeAsString();
    case Verb::event_subscribe:
      subscribe.add_kinds(wire::EVENT_KIND_MESSAGE);
      return subscribe.SerializeAsString();
    case Verb::event_pull:
      events.set_cursor(event_cursor);
      events.set_limit(2);
      return events.SerializeAsString();
    case Verb::event_unsubscribe:
      return {};
    case Verb::route_report:
      return {};
    case Verb::app_request:
      return "between the client and that service";
  }
  ADD_FAILURE() << "no good body";
  return {};
}

}  // namespace parley::test
