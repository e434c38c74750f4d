// One sample of each protobuf message, every field set, as bytes: pins field numbers and types.
#include <gtest/gtest.h>

#include "proto/bus.pb.h"
#include "proto/c2c.pb.h"
#include "proto/common.pb.h"
#include "proto/event.pb.h"
#include "proto/login.pb.h"
#include "proto/push.pb.h"
#include "proto/route.pb.h"
#include "tests/golden/samples.h"
#include "tests/unit/proto/hex.h"

namespace parley {
namespace {

using test::Samples;

template <typename Message, typename Fill>
void add(Samples& samples, Fill fill) {
  Message message;
  fill(message);
  const std::string bytes = message.SerializeAsString();
  Message parsed;
  EXPECT_TRUE(parsed.ParseFromString(bytes));
  EXPECT_EQ(parsed.SerializeAsString(), bytes);
  samples[message.GetTypeName()] = test::hex(bytes);
}

void add_common(Samples& s) {
  add<wire::ErrorBody>(s, [](auto& m) {
    m.set_code(2);
    m.set_retry_after_ms(1500);
  });
}

void fill(wire::Device& device) {
  device.set_id(0x0102030405060708);
  device.set_device_class(wire::DEVICE_CLASS_MOBILE);
}

void fill(wire::Limits& limits) {
  limits.set_text_max(16'384);
  limits.set_page_max(200);
  limits.set_requests_in_flight_max(64);
  limits.set_ping_every_ms(30'000);
}

void fill(wire::Profile& profile) {
  profile.set_user(2);
  profile.set_name("bob");
  profile.set_nickname("Bob");
}

void add_login(Samples& s) {
  add<wire::RegisterRequest>(s, [](auto& m) {
    m.set_name("alice");
    m.set_password("correct horse");
    m.set_nickname("Alice");
  });
  add<wire::RegisterReply>(s, [](auto& m) { m.set_user(1); });
  add<wire::Device>(s, [](auto& m) { fill(m); });
  add<wire::PasswordRequest>(s, [](auto& m) {
    m.set_name("alice");
    m.set_password("correct horse");
    fill(*m.mutable_device());
  });
  add<wire::TokenRequest>(s, [](auto& m) {
    m.set_access_token(std::string(32, 'a'));
    fill(*m.mutable_device());
  });
  add<wire::ResumeRequest>(s, [](auto& m) {
    m.set_device_token(std::string(32, 'd'));
    fill(*m.mutable_device());
  });
  add<wire::LoginReply>(s, [](auto& m) {
    m.set_user(1);
    m.set_name("alice");
    m.set_nickname("Alice");
    m.set_device_token(std::string(32, 'd'));
    m.set_access_token(std::string(32, 'a'));
    m.set_access_token_valid_ms(900'000);
    m.set_server_time_ms(1'700'000'000'000);
    fill(*m.mutable_limits());
  });
  add<wire::Limits>(s, [](auto& m) { fill(m); });
  add<wire::LogoutRequest>(s, [](auto&) {});
  add<wire::LogoutReply>(s, [](auto&) {});
  add<wire::FindRequest>(s, [](auto& m) {
    m.add_names("bob");
    m.add_users(2);
    m.add_users(300);
  });
  add<wire::Profile>(s, [](auto& m) { fill(m); });
  add<wire::FindReply>(s, [](auto& m) { fill(*m.add_profiles()); });
}

void fill(wire::Entry& entry) {
  entry.set_seq(3);
  entry.set_sender(1);
  entry.set_client_id("0123456789abcdef");
  entry.set_kind(wire::MESSAGE_KIND_TEXT);
  entry.set_body("hello");
  entry.set_time_ms(1'700'000'000'000);
}

void fill(wire::Conversation& conversation) {
  conversation.set_conversation(0x80000002);
  conversation.set_head(9);
  conversation.set_received(8);
  conversation.set_read(7);
  conversation.set_peer_received(6);
  conversation.set_peer_read(5);
}

void add_c2c(Samples& s) {
  add<wire::SendRequest>(s, [](auto& m) {
    m.set_client_id("0123456789abcdef");
    m.set_kind(wire::MESSAGE_KIND_CUSTOM);
    m.set_body("hello");
  });
  add<wire::SendReply>(s, [](auto& m) {
    m.set_seq(3);
    m.set_time_ms(1'700'000'000'000);
  });
  add<wire::Entry>(s, [](auto& m) { fill(m); });
  add<wire::MessageNotice>(s, [](auto& m) { fill(*m.mutable_entry()); });
  add<wire::ReceiptRequest>(s, [](auto& m) {
    m.set_received(8);
    m.set_read(7);
  });
  add<wire::ReceiptReply>(s, [](auto& m) {
    m.set_received(8);
    m.set_read(7);
  });
  add<wire::ReceiptNotice>(s, [](auto& m) {
    m.set_user(2);
    m.set_received(8);
    m.set_read(7);
  });
  add<wire::CatchUpNotice>(s, [](auto& m) { m.set_within_ms(2'000); });
  add<wire::PullRequest>(s, [](auto& m) {
    m.set_from(4);
    m.set_to(9);
  });
  add<wire::HistoryRequest>(s, [](auto& m) {
    m.set_before(300);
    m.set_limit(50);
  });
  add<wire::EntriesReply>(s, [](auto& m) {
    fill(*m.add_entries());
    m.set_head(9);
    m.set_more(true);
  });
  add<wire::ConversationsRequest>(s, [](auto& m) {
    m.set_after(0x80000001);
    m.set_limit(50);
  });
  add<wire::Conversation>(s, [](auto& m) { fill(m); });
  add<wire::ConversationsReply>(s, [](auto& m) {
    fill(*m.add_conversations());
    m.set_more(true);
  });
}

void add_route(Samples& s) {
  add<wire::RouteReport>(s, [](auto& m) {
    m.add_present(1);
    m.add_gone(300);
  });
  add<wire::RouteReportReply>(s, [](auto&) {});
  add<wire::SessionReplaced>(s, [](auto& m) {
    m.set_user(1);
    m.set_device_class(wire::DEVICE_CLASS_PC);
    m.set_generation(4);
  });
  add<wire::SessionRevoked>(s, [](auto& m) {
    m.set_user(1);
    m.set_device(0x0102030405060708);
    m.set_generation(4);
  });
}

void fill(wire::PublishReply::Receipt& receipt) {
  receipt.set_user(2);
  receipt.set_fate(wire::FATE_STORED);
  receipt.set_conversation(0x80000002);
  receipt.set_number(9);
}

void add_push(Samples& s) {
  add<wire::PublishRequest>(s, [](auto& m) {
    m.set_publish_id("0123456789abcdef");
    m.set_publisher("payroll");
    m.set_keep(wire::KEEP_STORED);
    m.add_users(2);
    m.add_users(300);
    m.set_everyone(true);
    m.set_body("hello");
  });
  add<wire::PublishReply::Receipt>(s, [](auto& m) { fill(m); });
  add<wire::PublishReply>(s, [](auto& m) { fill(*m.add_receipts()); });
  add<wire::PushNotice>(s, [](auto& m) {
    m.set_publish_id("0123456789abcdef");
    m.set_publisher("payroll");
    m.set_body("hello");
  });
}

void fill(wire::MessageEvent& event) {
  event.set_conversation(0x80000002);
  event.set_receiver(2);
  fill(*event.mutable_entry());
}

void fill(wire::PresenceEvent& event) {
  event.set_user(2);
  event.set_online(true);
  event.set_time_ms(1'700'000'000'000);
}

void fill(wire::Event& event) {
  event.set_cursor(300);
  event.set_kind(wire::EVENT_KIND_PRESENCE);
  fill(*event.mutable_message());
  fill(*event.mutable_presence());
}

void add_event(Samples& s) {
  add<wire::SubscribeRequest>(s, [](auto& m) {
    m.add_kinds(wire::EVENT_KIND_MESSAGE);
    m.add_kinds(wire::EVENT_KIND_PRESENCE);
  });
  add<wire::SubscribeReply>(s, [](auto& m) { m.set_cursor(300); });
  add<wire::EventPullRequest>(s, [](auto& m) {
    m.set_cursor(300);
    m.set_limit(50);
  });
  add<wire::EventPullReply>(s, [](auto& m) {
    fill(*m.add_events());
    m.set_cursor(300);
    m.set_more(true);
    m.set_lost_before(200);
  });
  add<wire::UnsubscribeRequest>(s, [](auto&) {});
  add<wire::UnsubscribeReply>(s, [](auto&) {});
  add<wire::Event>(s, [](auto& m) { fill(m); });
  add<wire::MessageEvent>(s, [](auto& m) { fill(m); });
  add<wire::PresenceEvent>(s, [](auto& m) { fill(m); });
}

void fill(wire::BrokerStatus::Peer& peer) {
  peer.set_name("worker-1");
  peer.set_role(wire::PEER_ROLE_WORKER);
  peer.add_services("c2c");
  peer.set_outstanding_messages(1);
  peer.set_credit_messages(2);
  peer.set_outstanding_bytes(3);
  peer.set_credit_bytes(4);
  peer.set_silent_ms(5);
  peer.set_draining(true);
  peer.set_requests(6);
  peer.set_waiting(7);
  peer.set_deliveries(8);
  peer.set_undelivered_messages(9);
  peer.set_delivery_messages(10);
  peer.set_deliveries_waiting(11);
  peer.set_deliveries_dropped(12);
  peer.set_credit_exhausted(13);
  peer.set_encrypted(true);
  peer.set_boot(0x1112131415161718);
}

void fill(wire::BrokerStatus::Service& service) {
  service.set_name("c2c");
  service.set_workers(1);
  service.set_queued(2);
  service.set_queued_bytes(3);
  service.set_requests(4);
  service.set_busy(5);
  service.set_redelivered(6);
  service.set_poisoned(7);
  service.set_answered(8);
  service.set_credit_exhausted(9);
  service.set_retry_hint_ms(200);
}

void fill(wire::AdminReply::Poison& poison) {
  poison.set_ticket(1);
  poison.set_gateway(0x0102030405060708);
  poison.set_boot(0x1112131415161718);
  poison.set_number(2);
  poison.set_verb("c2c.send");
  poison.set_user(3);
  poison.set_key(0x2122232425262728);
  poison.set_trace(0x3132333435363738);
  poison.set_bytes(4);
  poison.set_parked_ms_ago(5);
}

void fill(wire::TraceAnswer::Event& event) {
  event.set_trace(0x3132333435363738);
  event.set_at_us(1'700'000'000'000'000);
  event.set_point("broker_sent");
  event.set_verb(0x0201);
  event.set_error(1);
  event.set_attempt(2);
  event.set_user(3);
}

void fill(wire::TraceAnswer& answer) {
  answer.set_process("broker-1");
  fill(*answer.add_events());
}

void add_admin(Samples& s) {
  add<wire::AdminRequest::Drain>(s, [](auto& m) { m.set_peer("worker-1"); });
  add<wire::AdminRequest::PoisonList>(s, [](auto&) {});
  add<wire::AdminRequest::PoisonRetry>(s, [](auto& m) { m.add_tickets(1); });
  add<wire::AdminRequest::PoisonDrop>(s, [](auto& m) { m.add_tickets(2); });
  add<wire::AdminRequest>(s, [](auto& m) { m.mutable_drain()->set_peer("worker-1"); });
  add<wire::AdminReply::Poison>(s, [](auto& m) { fill(m); });
  add<wire::AdminReply>(s, [](auto& m) {
    fill(*m.add_poison());
    m.set_count(6);
    m.set_asked(7);
    fill(*m.mutable_trace());
  });
  add<wire::TraceQuery>(s, [](auto& m) {
    m.set_trace(0x3132333435363738);
    m.set_user(3);
  });
  add<wire::TraceAnswer::Event>(s, [](auto& m) { fill(m); });
  add<wire::TraceAnswer>(s, [](auto& m) { fill(m); });
}

void add_bus(Samples& s) {
  add<wire::RegisterPeer>(s, [](auto& m) {
    m.set_role(wire::PEER_ROLE_GATEWAY);
    m.set_name("gateway-1");
    m.add_services(2);
    m.set_credit_messages(1000);
    m.set_credit_bytes(1 << 20);
    m.add_apps("app.payroll");
    m.set_delivery_messages(4096);
    m.set_delivery_bytes(16 << 20);
    m.set_answers_traces(true);
  });
  add<wire::Registered>(s, [](auto& m) {
    m.set_broker("broker-1");
    m.set_broker_boot(0x0102030405060708);
    m.set_ping_every_ms(500);
    m.set_dead_after_ms(1500);
    m.set_registration(5);
  });
  add<wire::BrokerStatus::Peer>(s, [](auto& m) { fill(m); });
  add<wire::BrokerStatus::Service>(s, [](auto& m) { fill(m); });
  add<wire::BrokerStatus>(s, [](auto& m) {
    m.set_name("broker-1");
    m.set_uptime_ms(1000);
    fill(*m.add_peers());
    fill(*m.add_services());
    m.set_late_replies(2);
    m.set_boot(0x0102030405060708);
    m.set_draining(true);
    m.set_held(3);
    m.set_held_bytes(4);
    m.set_parked(5);
  });
}

TEST(GoldenBytes, OfMessages) {
  Samples computed;
  add_common(computed);
  add_login(computed);
  add_c2c(computed);
  add_push(computed);
  add_event(computed);
  add_route(computed);
  add_bus(computed);
  add_admin(computed);
  test::expect_same(test::parse_samples(test::source_file("tests/golden/messages.txt")), computed);
}

// How many `message` declarations the .proto files hold: a message without a sample is noticed.
int declared_messages() {
  int count = 0;
  for (const char* file : {"common", "login", "c2c", "push", "route", "event", "bus"}) {
    const std::string text = test::source_file("proto/" + std::string(file) + ".proto");
    for (std::size_t at = 0; (at = text.find("message ", at)) != std::string::npos; ++at) {
      const std::size_t line = text.rfind('\n', at) + 1;
      const std::size_t end = text.find('\n', at);
      const bool declares = text.find_first_not_of(' ', line) == at &&
                            text.substr(at, end - at).find('{') != std::string::npos;
      if (declares) ++count;
    }
  }
  return count;
}

TEST(GoldenBytes, HaveASampleOfEveryMessage) {
  const Samples written = test::parse_samples(test::source_file("tests/golden/messages.txt"));
  EXPECT_EQ(written.size(), static_cast<std::size_t>(declared_messages()));
}

}  // namespace
}  // namespace parley
