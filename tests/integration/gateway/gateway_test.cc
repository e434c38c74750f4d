// A gateway on real sockets: what the unit tests of its parts cannot show.
#include <malloc.h>
#include <unistd.h>

#include "proto/route.pb.h"
#include "tests/integration/gateway/live_gateway.h"
#include "tests/integration/gateway/socket_client.h"
#include "tests/support/eventually.h"

namespace parley::test {
namespace {

using testing::ElementsAre;

std::uint32_t number_of(Errc code) { return static_cast<std::uint32_t>(code); }

std::size_t connections(LiveGateway& live) {
  return live.ask([](Gateway& gateway, SelfAnsweringBus&) { return gateway.connections(); });
}

std::size_t sessions(LiveGateway& live) {
  return live.ask([](Gateway& gateway, SelfAnsweringBus&) { return gateway.sessions(); });
}

GatewayCounts counts(LiveGateway& live) {
  return live.ask([](Gateway& gateway, SelfAnsweringBus&) { return gateway.counts(); });
}

// Who was reported, in the order of the reports: +user present, -user gone.
std::vector<std::int64_t> users_of(const std::vector<std::string>& bodies) {
  std::vector<std::int64_t> users;
  for (const std::string& body : bodies) {
    wire::RouteReport report;
    EXPECT_TRUE(report.ParseFromString(body));
    for (const auto user : report.present()) users.push_back(static_cast<std::int64_t>(user));
    for (const auto user : report.gone()) users.push_back(-static_cast<std::int64_t>(user));
  }
  return users;
}

std::vector<std::int64_t> reported(LiveGateway& live) {
  return users_of(live.ask([](Gateway&, SelfAnsweringBus& bus) { return bus.reports; }));
}

void expect_works(LiveGateway& live, std::uint64_t user) {
  SocketClient client(live.port());
  ASSERT_TRUE(client.log_in(user));
  const auto reply = client.ask(Verb::c2c_send, "still here?");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->body, "still here?");
}

TEST(Gateway, CarriesRequestsAndAnswers) {
  LiveGateway live;
  SocketClient client(live.port());
  ASSERT_TRUE(client.log_in(5));
  const auto reply = client.ask(Verb::c2c_send, "hello", 77);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->header.kind, FrameKind::reply);
  EXPECT_EQ(reply->header.target, 77U);
  EXPECT_EQ(reply->body, "hello");
}

TEST(Gateway, AnswersTenThousandPipelinedRequestsInOrder) {
  LiveGateway live;
  SocketClient client(live.port());
  ASSERT_TRUE(client.log_in(5));
  // In waves, since only so many may be unanswered.
  std::uint32_t answered = 0;
  for (std::uint32_t number = 1'000; number < 11'000; number += 50) {
    std::string wave;
    for (std::uint32_t i = 0; i < 50; ++i)
      wave += client.channel().request(Verb::c2c_send, number + i, std::string(i, 'x'));
    ASSERT_TRUE(client.send(wave));
    for (std::uint32_t i = 0; i < 50; ++i) {
      const auto reply = client.receive();
      ASSERT_TRUE(reply);
      ASSERT_EQ(reply->header.number, number + i);
      ASSERT_EQ(reply->body.size(), i);
      ++answered;
    }
  }
  EXPECT_EQ(answered, 10'000U);
}

TEST(Gateway, LargeBodiesSurviveAnyCut) {
  LiveGateway live;
  SocketClient client(live.port());
  ASSERT_TRUE(client.log_in(5));
  std::string body(20'000, '\0');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 7);
  for (int i = 0; i < 50; ++i) {
    const auto reply = client.ask(Verb::c2c_send, body);
    ASSERT_TRUE(reply);
    ASSERT_EQ(reply->body, body);
  }
}

TEST(Gateway, DeliversToAllDevicesButTheSkippedOne) {
  LiveGateway live;
  SocketClient pc(live.port());
  SocketClient phone(live.port());
  SocketClient other(live.port());
  ASSERT_TRUE(pc.log_in(5, 10, 1));
  ASSERT_TRUE(phone.log_in(5, 20, 2));
  ASSERT_TRUE(other.log_in(6, 30, 1));
  live.deliver(5, "for both");
  EXPECT_EQ(pc.receive()->body, "for both");
  EXPECT_EQ(phone.receive()->body, "for both");
  live.deliver(5, "not for the sender", 10);
  live.deliver(5, "for both again");
  EXPECT_EQ(pc.receive()->body, "for both again");
  EXPECT_EQ(phone.receive()->body, "not for the sender");
  EXPECT_EQ(other.receive(50ms), std::nullopt);
}

TEST(Gateway, ANoticeWithoutUsersGoesToEverybodyWhoIsLoggedIn) {
  LiveGateway live;
  SocketClient one(live.port());
  SocketClient another(live.port());
  SocketClient stranger(live.port());
  ASSERT_TRUE(one.log_in(5));
  ASSERT_TRUE(another.log_in(6));
  ASSERT_TRUE(stranger.shake_hands());
  live.tell(Notice::push_message, "for everybody");
  live.tell(Notice::event_news, "for a business system");
  live.tell(Notice::push_message, "again");
  for (SocketClient* client : {&one, &another}) {
    const auto first = client->receive();
    ASSERT_TRUE(first);
    EXPECT_EQ(first->header.verb, static_cast<std::uint16_t>(Notice::push_message));
    EXPECT_EQ(first->body, "for everybody");
    EXPECT_EQ(client->receive()->body, "again");
  }
  EXPECT_EQ(stranger.receive(50ms), std::nullopt);
  EXPECT_EQ(counts(live).bad_from_bus, 1U) << "what is for business systems";
}

TEST(Gateway, ReportsWhoCameWhoWentAndWhoWasNeverHere) {
  LiveGateway live;
  {
    SocketClient client(live.port());
    ASSERT_TRUE(client.log_in(5));
    EXPECT_TRUE(eventually(5s, [&] { return reported(live) == std::vector<std::int64_t>{5}; }));
  }
  EXPECT_TRUE(eventually(5s, [&] { return reported(live).size() == 2; }));
  live.deliver(6, "for somebody who is not here");
  EXPECT_TRUE(eventually(5s, [&] { return reported(live).size() == 3; }));
  EXPECT_THAT(reported(live), ElementsAre(5, -5, -6));
}

TEST(Gateway, ReportsEveryoneAgainWhenAsked) {
  LiveGateway live;
  SocketClient client(live.port());
  ASSERT_TRUE(client.log_in(5));
  ASSERT_TRUE(eventually(5s, [&] { return reported(live).size() == 1; }));
  live.tell(Notice::route_report_wanted, {});
  ASSERT_TRUE(eventually(5s, [&] { return reported(live).size() == 2; }));
  live.ask([](Gateway& gateway, SelfAnsweringBus&) { gateway.on_bus_connected(); });
  EXPECT_TRUE(eventually(5s, [&] { return reported(live).size() == 3; }));
  EXPECT_THAT(reported(live), ElementsAre(5, 5, 5));
}

TEST(Gateway, TellsEverybodyToCatchUpOnceTheRoutesAreBack) {
  LiveGateway live;
  SocketClient client(live.port());
  ASSERT_TRUE(client.log_in(5));
  ASSERT_TRUE(eventually(5s, [&] { return reported(live).size() == 1; }));
  live.ask([](Gateway& gateway, SelfAnsweringBus&) { gateway.on_bus_connected(); });
  const auto told = client.receive();
  ASSERT_TRUE(told);
  EXPECT_EQ(told->header.verb, static_cast<std::uint16_t>(Notice::c2c_catch_up));
  EXPECT_EQ(reported(live).size(), 2U) << "told before the routes were reported";
}

TEST(Gateway, RepeatsAReportThatFailed) {
  LiveGateway live;
  SocketClient client(live.port());
  live.ask([](Gateway&, SelfAnsweringBus& bus) { bus.holds_all = true; });
  ASSERT_TRUE(client.shake_hands());
  ASSERT_TRUE(client.send(client.channel().request(Verb::login_password, 9, "5 1 1 1")));
  // Everything that the bus holds gets an error, once; the login after that its answer.
  ASSERT_TRUE(eventually(5s, [&] {
    return live.ask([](Gateway&, SelfAnsweringBus& bus) { return bus.waiting.size() == 1; });
  }));
  live.ask([](Gateway&, SelfAnsweringBus& bus) {
    EnvelopeHeader grant;
    grant.user = UserId{5};
    grant.flags = flag_binds_session;
    const auto number = bus.waiting.begin()->first;
    bus.waiting.clear();
    bus.reply(number, grant, {});
  });
  ASSERT_TRUE(eventually(5s, [&] {
    return live.ask([](Gateway&, SelfAnsweringBus& bus) { return bus.waiting.size() == 1; });
  })) << "the report";
  live.ask([](Gateway&, SelfAnsweringBus& bus) {
    EnvelopeHeader failed;
    failed.error = static_cast<std::uint16_t>(Errc::retry_later);
    const auto number = bus.waiting.begin()->first;
    bus.waiting.clear();
    bus.holds_all = false;
    bus.reply(number, failed, {});
  });
  EXPECT_TRUE(eventually(5s, [&] { return reported(live) == std::vector<std::int64_t>{5}; }));
}

TEST(Gateway, ANewerLoginOfTheClassReplacesTheOlder) {
  LiveGateway live;
  SocketClient old_one(live.port());
  SocketClient phone(live.port());
  SocketClient new_one(live.port());
  ASSERT_TRUE(old_one.log_in(5, 10, 1, 1));
  ASSERT_TRUE(phone.log_in(5, 20, 2, 2));
  ASSERT_TRUE(new_one.log_in(5, 11, 1, 3));
  const auto last = old_one.receive();
  ASSERT_TRUE(last);
  EXPECT_EQ(last->header.kind, FrameKind::close);
  EXPECT_EQ(last->code(), number_of(Errc::replaced));
  EXPECT_TRUE(old_one.ended());
  live.deliver(5, "to those who are left");
  EXPECT_EQ(phone.receive()->body, "to those who are left");
  EXPECT_EQ(new_one.receive()->body, "to those who are left");
}

TEST(Gateway, EndsSessionsThatWereReplacedOrRevokedElsewhere) {
  LiveGateway live;
  SocketClient pc(live.port());
  SocketClient phone(live.port());
  ASSERT_TRUE(pc.log_in(5, 10, 1, 1));
  ASSERT_TRUE(phone.log_in(5, 20, 2, 2));
  wire::SessionReplaced replaced;
  replaced.set_user(5);
  replaced.set_device_class(wire::DEVICE_CLASS_PC);
  replaced.set_generation(3);
  live.tell(Notice::login_replaced, replaced.SerializeAsString());
  EXPECT_EQ(pc.receive()->code(), number_of(Errc::replaced));
  wire::SessionRevoked revoked;
  revoked.set_user(5);
  revoked.set_device(20);
  revoked.set_generation(2);
  live.tell(Notice::login_revoked, revoked.SerializeAsString());
  EXPECT_EQ(phone.receive()->code(), number_of(Errc::revoked));
  EXPECT_EQ(sessions(live), 0U);

  SocketClient late(live.port());
  EXPECT_TRUE(late.log_in(5, 20, 2, 2)) << "its reply was on the way when it was revoked";
  EXPECT_EQ(late.receive()->code(), number_of(Errc::revoked));
  EXPECT_EQ(sessions(live), 0U);
}

TEST(Gateway, ARequestThatTheBusRefusesIsAnswered) {
  LiveGateway live;
  SocketClient client(live.port());
  ASSERT_TRUE(client.log_in(5));
  live.ask([](Gateway&, SelfAnsweringBus& bus) { bus.refuses = true; });
  const auto refused = client.ask(Verb::c2c_send, "x");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code(), number_of(Errc::retry_later));
  EXPECT_EQ(refused->retry_after_ms(), 70U);
}

TEST(Gateway, AnswersForClientsWhoLeftAreDropped) {
  LiveGateway live;
  {
    SocketClient client(live.port());
    ASSERT_TRUE(client.log_in(5));
    ASSERT_TRUE(client.send(client.channel().request(Verb::login_find, 9)));
    ASSERT_TRUE(eventually(5s, [&] {
      return live.ask([](Gateway&, SelfAnsweringBus& bus) { return bus.waiting.size() == 1; });
    }));
  }
  ASSERT_TRUE(eventually(5s, [&] { return connections(live) == 0; }));
  SocketClient next(live.port());
  ASSERT_TRUE(next.log_in(6));
  live.ask([](Gateway&, SelfAnsweringBus& bus) {
    bus.reply(bus.waiting.begin()->first, {}, "for somebody else");
  });
  EXPECT_EQ(next.receive(50ms), std::nullopt);
}

TEST(GatewayUserRate, HoldsOverAllDevices) {
  GatewaySettings settings = generous();
  settings.messages = {1, 3};
  LiveGateway live(settings);
  SocketClient pc(live.port());
  SocketClient phone(live.port());
  ASSERT_TRUE(pc.log_in(5, 10, 1));
  ASSERT_TRUE(phone.log_in(5, 20, 2));
  EXPECT_EQ(pc.ask(Verb::c2c_send, "1")->header.kind, FrameKind::reply);
  EXPECT_EQ(phone.ask(Verb::c2c_send, "2")->header.kind, FrameKind::reply);
  EXPECT_EQ(pc.ask(Verb::c2c_send, "3")->header.kind, FrameKind::reply);
  const auto refused = phone.ask(Verb::c2c_send, "4");
  EXPECT_EQ(refused->code(), number_of(Errc::rate_limited));
  EXPECT_GT(refused->retry_after_ms(), 0U);
}

TEST(GatewayUserRate, BindsLookingPeopleUp) {
  GatewaySettings settings = generous();
  settings.finds = {1, 2, 60s};
  LiveGateway live(settings);
  SocketClient client(live.port());
  ASSERT_TRUE(client.log_in(5));
  for (const std::uint32_t number : {10U, 11U, 12U})
    ASSERT_TRUE(client.send(client.channel().request(Verb::login_find, number)));
  const auto refused = client.receive();  // the bus answers none
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->header.number, 12U);
  EXPECT_EQ(refused->code(), number_of(Errc::rate_limited));
  EXPECT_NEAR(refused->retry_after_ms(), 60'000, 1'000);
  EXPECT_EQ(live.ask([](Gateway&, SelfAnsweringBus& bus) { return bus.waiting.size(); }), 2U);
}

// RELIABILITY §4.1: each is refused, and nobody else notices.
TEST(GatewayBadInput, EndsItsConnectionAndNothingElse) {
  GatewaySettings settings = generous();
  settings.first_byte_ms = 300;
  settings.handshake_ms = 600;
  LiveGateway live(settings);
  SocketClient witness(live.port());
  ASSERT_TRUE(witness.log_in(1));
  const std::string garbage(4'096, '\x5a');
  std::vector<std::string> hellos = {
      garbage, "GET / HTTP/1.1\r\n\r\n" + garbage, std::string("\x16\x03\x01", 3) + garbage,
      "SSH-2.0-x\r\n" + garbage, std::string(56, '\0'), std::string(56, '\xff')};
  std::uint64_t user = 100;
  for (const std::string& hello : hellos) {
    SocketClient bad(live.port());
    bad.send(hello);
    EXPECT_TRUE(bad.ended());
    expect_works(live, ++user);
  }
  const std::vector<std::string> records = {
      std::string("\x00\x00", 2), std::string("\x1f\x00", 2), "\xff\xff",
      std::string("\x20\x00", 2) + garbage};
  for (const std::string& record : records) {
    SocketClient bad(live.port());
    ASSERT_TRUE(bad.shake_hands());
    bad.send(record);
    EXPECT_TRUE(bad.ended());
    expect_works(live, ++user);
  }
  SocketClient half(live.port());
  half.send(half.channel().hello().substr(0, 20));
  EXPECT_TRUE(half.ended()) << "the rest of the hello never came";
  EXPECT_EQ(witness.ask(Verb::c2c_send, "all the time")->body, "all the time");
  EXPECT_TRUE(eventually(5s, [&] { return connections(live) == 1; }));
}

TEST(GatewayBadInput, SilentConnectionsAreClosedAndHinderNobody) {
  GatewaySettings settings = generous();
  settings.first_byte_ms = 700;
  LiveGateway live(settings);
  std::vector<std::unique_ptr<SocketClient>> silent;
  for (int i = 0; i < 1'000; ++i) silent.push_back(std::make_unique<SocketClient>(live.port()));
  for (std::uint64_t user = 1; user <= 20; ++user) expect_works(live, user);
  for (const auto& client : silent) EXPECT_TRUE(client->ended());
  EXPECT_TRUE(eventually(5s, [&] { return connections(live) == 0; }));
  EXPECT_EQ(counts(live).closed[static_cast<std::size_t>(Errc::idle)], 1'000U);
}

TEST(GatewayBounds, OneAddressCannotTakeAllPlacesBeforeLogin) {
  GatewaySettings settings = generous();
  settings.admission.per_origin_pre_auth_max = 5;
  LiveGateway live(settings);
  std::vector<std::unique_ptr<SocketClient>> silent;
  for (int i = 0; i < 5; ++i) silent.push_back(std::make_unique<SocketClient>(live.port()));
  ASSERT_TRUE(eventually(5s, [&] { return connections(live) == 5; }));
  SocketClient refused(live.port());
  EXPECT_TRUE(refused.ended());
  silent.clear();
  ASSERT_TRUE(eventually(5s, [&] { return connections(live) == 0; }));
  expect_works(live, 5);
}

TEST(GatewayBounds, MemoryBeforeLoginIsCountedAndGivenBack) {
  GatewaySettings settings = generous();
  settings.admission.pre_auth_bytes_max = 18'000;
  LiveGateway live(settings);
  std::vector<std::unique_ptr<SocketClient>> half;
  std::string part = "\xff\x0f";  // of a record of 4,095 bytes
  part.append(4'000, 'x');
  for (int i = 0; i < 4; ++i) {
    half.push_back(std::make_unique<SocketClient>(live.port()));
    ASSERT_TRUE(half.back()->shake_hands());
    half.back()->send(part);
  }
  EXPECT_TRUE(eventually(5s, [&] {
    expect_works(live, 5);
    return half.front()->ended(100ms);
  })) << "who came first and holds most gives way";
  EXPECT_GE(counts(live).displaced, 1U);
  half.clear();
  ASSERT_TRUE(eventually(5s, [&] { return connections(live) == 0; }));
}

TEST(GatewayBounds, NewcomersTakeThePlacesOfThoseWhoHaveLongSaidNothing) {
  GatewaySettings settings = generous();
  settings.admission.pre_auth_max = 5;
  LiveGateway live(settings);
  SocketClient asking(live.port());
  ASSERT_TRUE(asking.shake_hands());
  ASSERT_TRUE(asking.send(asking.channel().request(Verb::login_token, 9)));  // never answered
  std::vector<std::unique_ptr<SocketClient>> silent;
  for (int i = 0; i < 3; ++i) silent.push_back(std::make_unique<SocketClient>(live.port()));
  silent.push_back(std::make_unique<SocketClient>(live.port()));
  ASSERT_TRUE(silent.back()->shake_hands());
  ASSERT_TRUE(eventually(5s, [&] { return connections(live) == 5; }));
  SocketClient newcomer(live.port());
  EXPECT_TRUE(newcomer.log_in(5));
  EXPECT_TRUE(silent[0]->ended(1s));
  EXPECT_FALSE(silent[1]->ended(50ms)) << "one place was enough";
  EXPECT_EQ(counts(live).displaced, 1U);
  std::vector<std::unique_ptr<SocketClient>> more;
  for (int i = 0; i < 10; ++i) more.push_back(std::make_unique<SocketClient>(live.port()));
  for (const auto& client : silent) EXPECT_TRUE(client->ended(1s));
  EXPECT_FALSE(asking.ended(50ms)) << "whoever is being answered stays";
  EXPECT_EQ(newcomer.ask(Verb::c2c_send, "and who is logged in")->body, "and who is logged in");
}

TEST(GatewayBounds, AnAddressThatIsOverItsLimitsDisplacesNobody) {
  GatewaySettings settings = generous();
  settings.admission.pre_auth_max = 5;
  settings.admission.per_origin_rate = {1, 5};
  LiveGateway live(settings);
  std::vector<std::unique_ptr<SocketClient>> silent;
  for (int i = 0; i < 5; ++i) silent.push_back(std::make_unique<SocketClient>(live.port()));
  ASSERT_TRUE(eventually(5s, [&] { return connections(live) == 5; }));
  SocketClient refused(live.port());
  EXPECT_TRUE(refused.ended(1s));
  EXPECT_EQ(counts(live).displaced, 0U);
}

TEST(GatewayBounds, HandshakesAboveTheRateMakeNewConnectionsWaitAndSilenceDoesNot) {
  GatewaySettings settings = generous();
  settings.handshakes = {50, 5};
  LiveGateway live(settings);
  std::vector<std::unique_ptr<SocketClient>> silent;
  for (int i = 0; i < 200; ++i) silent.push_back(std::make_unique<SocketClient>(live.port()));
  const Instant start = monotonic_now();
  SocketClient first(live.port());
  EXPECT_TRUE(first.shake_hands());
  EXPECT_LT(monotonic_now() - start, 300ms);
  for (int i = 0; i < 25; ++i) {
    SocketClient client(live.port());
    EXPECT_TRUE(client.shake_hands());
  }
  EXPECT_GE(monotonic_now() - start, 350ms);
}

TEST(GatewayBounds, ConnectionsAboveTheRateWait) {
  GatewaySettings settings = generous();
  settings.accepts = {50, 5};
  LiveGateway live(settings);
  const Instant start = monotonic_now();
  std::vector<std::unique_ptr<SocketClient>> clients;
  for (int i = 0; i < 25; ++i) clients.push_back(std::make_unique<SocketClient>(live.port()));
  for (auto& client : clients) EXPECT_TRUE(client->shake_hands());
  EXPECT_GE(monotonic_now() - start, 350ms);
  EXPECT_EQ(connections(live), 25U);
}

TEST(GatewaySlowReader, GetsNoMoreNoticesAndIsToldToCatchUpLater) {
  GatewaySettings settings = generous();
  settings.queue.soft_bytes = 65'536;
  LiveGateway live(settings);
  SocketClient slow(live.port(), {.receive_buffer = 4'096});
  SocketClient quick(live.port());
  ASSERT_TRUE(slow.log_in(5));
  ASSERT_TRUE(quick.log_in(6));
  std::size_t sent = 0;
  while (counts(live).notices_dropped == 0 && sent < 5'000) {
    live.deliver(5, std::to_string(sent++) + std::string(16'000, 'x'));
  }
  ASSERT_GT(counts(live).notices_dropped, 0U);
  EXPECT_EQ(quick.ask(Verb::c2c_send, "unaffected")->body, "unaffected");
  const std::uint64_t queued = counts(live).notices;
  for (std::uint64_t i = 0; i < queued; ++i) {
    const auto notice = slow.receive();
    ASSERT_TRUE(notice);
    ASSERT_EQ(notice->body.substr(0, notice->body.find('x')), std::to_string(i));
  }
  const auto told = slow.receive();
  ASSERT_TRUE(told);
  EXPECT_EQ(told->header.verb, static_cast<std::uint16_t>(Notice::c2c_catch_up));
  live.deliver(5, "after the gap");
  EXPECT_EQ(slow.receive()->body, "after the gap");
  EXPECT_EQ(counts(live).closed[static_cast<std::size_t>(Errc::slow_consumer)], 0U);
}

TEST(GatewaySlowReader, WhoIsSentAwayMeanwhileIsToldNothingMore) {
  GatewaySettings settings = generous();
  settings.queue.soft_bytes = 4'096;
  LiveGateway live(settings);
  SocketClient client(live.port());
  ASSERT_TRUE(client.log_in(5));
  wire::SessionReplaced replaced;
  replaced.set_user(5);
  replaced.set_device_class(wire::DEVICE_CLASS_PC);
  replaced.set_generation(2);
  const std::string parting = replaced.SerializeAsString();
  std::string items;
  const std::string letter(3'000, 'x');
  for (int i = 0; i < 4; ++i) {
    DeliveryItem item;
    item.notice = static_cast<std::uint16_t>(Notice::c2c_message);
    item.users = {UserId{5}};
    item.body = letter;
    append_delivery(item, items);
  }
  DeliveryItem last;
  last.notice = static_cast<std::uint16_t>(Notice::login_replaced);
  last.body = parting;
  append_delivery(last, items);
  live.ask([&](Gateway& gateway, SelfAnsweringBus&) { gateway.on_delivery({}, items); });
  ASSERT_GT(counts(live).notices_dropped, 0U);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(client.receive()->body, letter);
  EXPECT_EQ(client.receive()->code(), number_of(Errc::replaced));
  expect_works(live, 6);
}

TEST(GatewaySlowReader, WhoTakesNothingForTooLongIsReset) {
  GatewaySettings settings = generous();
  settings.write_ms = 300;
  LiveGateway live(settings);
  SocketClient slow(live.port(), {.receive_buffer = 4'096});
  ASSERT_TRUE(slow.log_in(5));
  for (int i = 0; i < 5'000 && counts(live).notices_dropped == 0; ++i)
    live.deliver(5, std::string(16'000, 'x'));
  EXPECT_TRUE(eventually(5s, [&] { return connections(live) == 0; }));
  EXPECT_EQ(counts(live).closed[static_cast<std::size_t>(Errc::slow_consumer)], 1U);
  expect_works(live, 6);
}

TEST(GatewaySlowReader, WhoAsksWithoutReadingIsReadNoFurther) {
  GatewaySettings settings = generous();
  settings.queue.soft_bytes = 65'536;
  settings.queue.hard_bytes = 65'536 * 40;
  LiveGateway live(settings);
  SocketClient greedy(live.port(), {.receive_buffer = 4'096});
  ASSERT_TRUE(greedy.log_in(5));
  // Sends until nobody takes it any more, in a thread, since it will block.
  std::string wave;
  for (std::uint32_t number = 0; number < 400'000; ++number) wave += greedy.channel().ping(number);
  std::thread sender([&] { greedy.send(wave); });
  std::uint64_t before = 0;
  EXPECT_TRUE(eventually(20s, [&] {
    const std::uint64_t now = counts(live).frames_in;
    return now > 1'000 && now == std::exchange(before, now);
  }));
  EXPECT_LT(before, 400'000U);
  for (std::uint32_t number = 0; number < 400'000; ++number) {
    const auto pong = greedy.receive();
    ASSERT_TRUE(pong) << number;
    ASSERT_EQ(pong->header.number, number);
  }
  sender.join();
}

TEST(GatewaySlowReader, WhoLetsAnswersPileUpIsReset) {
  GatewaySettings settings = generous();
  settings.queue.soft_bytes = 65'536;
  settings.queue.hard_bytes = 131'072;
  LiveGateway live(settings);
  SocketClient slow(live.port(), {.receive_buffer = 4'096});
  ASSERT_TRUE(slow.log_in(5));
  for (std::uint32_t number = 10; number < 60; ++number)
    slow.send(slow.channel().request(Verb::login_find, number));
  const auto unanswered = [](Gateway&, SelfAnsweringBus& bus) { return bus.waiting.size(); };
  ASSERT_TRUE(eventually(5s, [&] { return live.ask(unanswered) == 50; }));
  // The kernel takes what it takes; then 50 answers make more than the hard bound.
  for (int i = 0; i < 5'000 && counts(live).notices_dropped == 0; ++i)
    live.deliver(5, std::string(16'000, 'x'));
  ASSERT_EQ(connections(live), 1U);
  live.ask([](Gateway&, SelfAnsweringBus& bus) {
    for (const auto& [number, request] : bus.waiting)
      bus.reply(number, {}, std::string(20'000, 'y'));
  });
  EXPECT_TRUE(eventually(1s, [&] { return connections(live) == 0; }));
  EXPECT_EQ(counts(live).closed[static_cast<std::size_t>(Errc::slow_consumer)], 1U);
  expect_works(live, 6);
}

TEST(GatewayDrain, AnswersWhatIsUnansweredAndSendsEveryoneAway) {
  LiveGateway live;
  SocketClient idle(live.port());
  SocketClient busy(live.port());
  SocketClient stranger(live.port());
  ASSERT_TRUE(idle.log_in(5));
  ASSERT_TRUE(busy.log_in(6));
  ASSERT_TRUE(busy.send(busy.channel().request(Verb::login_find, 9)));
  ASSERT_TRUE(eventually(5s, [&] {
    return live.ask([](Gateway&, SelfAnsweringBus& bus) { return bus.waiting.size() == 1; });
  }));
  std::atomic<bool> done = false;
  std::vector<std::string> reports_when_done;
  live.ask([&](Gateway& gateway, SelfAnsweringBus& bus) {
    gateway.drain([&] {
      reports_when_done = bus.reports;
      done = true;
    });
  });
  const auto away = idle.receive();
  ASSERT_TRUE(away);
  EXPECT_EQ(away->code(), number_of(Errc::going_away));
  EXPECT_GT(away->retry_after_ms(), 0U);
  EXPECT_LE(away->retry_after_ms(), 2'000U);
  EXPECT_TRUE(idle.ended());
  EXPECT_TRUE(stranger.ended());
  EXPECT_EQ(busy.ask(Verb::c2c_send, "more")->code(), number_of(Errc::going_away));
  EXPECT_FALSE(done);
  live.ask([](Gateway&, SelfAnsweringBus& bus) {
    bus.reply(bus.waiting.begin()->first, {}, "found");
  });
  EXPECT_EQ(busy.receive()->body, "found");
  EXPECT_EQ(busy.receive()->code(), number_of(Errc::going_away));
  EXPECT_TRUE(busy.ended());
  EXPECT_TRUE(eventually(5s, [&] { return done.load(); }));
  const auto users = users_of(reports_when_done);
  EXPECT_EQ(std::ranges::count(users, -5) + std::ranges::count(users, -6), 2)
      << "their routes are gone when the gateway is";
}

TEST(GatewayDrain, WaitsUntilItsLastReportIsAnswered) {
  LiveGateway live;
  auto client = std::make_unique<SocketClient>(live.port());
  ASSERT_TRUE(client->log_in(5));
  ASSERT_TRUE(eventually(5s, [&] { return reported(live).size() == 1; }));
  std::atomic<bool> done = false;
  std::size_t unanswered_when_done = 0;
  live.ask([&](Gateway& gateway, SelfAnsweringBus& bus) {
    bus.holds_all = true;
    gateway.drain([&] {
      unanswered_when_done = bus.waiting.size();
      done = true;
    });
  });
  ASSERT_TRUE(eventually(5s, [&] {
    return live.ask([](Gateway&, SelfAnsweringBus& bus) { return bus.waiting.size() == 1; });
  }));
  client.reset();
  ASSERT_TRUE(eventually(5s, [&] { return connections(live) == 0; }));
  live.ask([](Gateway&, SelfAnsweringBus& bus) {
    const auto number = bus.waiting.begin()->first;
    bus.waiting.clear();
    bus.reply(number, {}, {});
  });
  EXPECT_TRUE(eventually(5s, [&] { return done.load(); }));
  EXPECT_EQ(unanswered_when_done, 0U);
}

TEST(GatewayDrain, HasALimit) {
  GatewaySettings settings = generous();
  settings.drain_ms = 500;
  LiveGateway live(settings);
  SocketClient busy(live.port());
  ASSERT_TRUE(busy.log_in(6));
  ASSERT_TRUE(busy.send(busy.channel().request(Verb::login_find, 9)));
  ASSERT_TRUE(eventually(5s, [&] {
    return live.ask([](Gateway&, SelfAnsweringBus& bus) { return bus.waiting.size() == 1; });
  }));
  std::atomic<bool> done = false;
  live.ask([&](Gateway& gateway, SelfAnsweringBus&) { gateway.drain([&] { done = true; }); });
  EXPECT_TRUE(eventually(5s, [&] { return done.load(); }));
  EXPECT_TRUE(busy.ended());
}

TEST(GatewayMetrics, SayWhatHappened) {
  LiveGateway live;
  SocketClient client(live.port());
  ASSERT_TRUE(client.log_in(5));
  client.ask(Verb::c2c_send, "x");
  client.ask(static_cast<Verb>(0x0FFF), "x");
  EXPECT_TRUE(eventually(5s, [&] {
    const std::string text = live.metrics().text();
    return text.find("parley_gateway_requests_total{verb=\"c2c.send\"} 1") != std::string::npos &&
           text.find("parley_gateway_errors_total{code=\"unsupported\"} 1") != std::string::npos &&
           text.find("parley_gateway_sessions 1") != std::string::npos;
  })) << live.metrics().text();
}

TEST(GatewayMemory, WhoIsNotAnsweredKeepsNoBuffer) {
  LiveGateway live;
  std::vector<int> sockets;
  const auto heap = [] { return mallinfo2().uordblks + mallinfo2().hblkhd; };
  const std::size_t before = heap();
  for (std::uint64_t user = 1; user <= 50; ++user) {
    SocketClient client(live.port());
    ASSERT_TRUE(client.log_in(user));
    ASSERT_TRUE(client.ask(Verb::c2c_send, std::string(20'000, 'x')));
    const std::uint64_t frames = counts(live).frames_in;
    client.send(client.channel().frame({.kind = FrameKind::pong, .number = 1}));
    ASSERT_TRUE(eventually(5s, [&] { return counts(live).frames_in > frames; }));
    sockets.push_back(client.release());
  }
  EXPECT_LE(heap() - before, 400'000U);
  for (const int socket : sockets) close(socket);
}

// DESIGN §10, bar 6: the slope, so that what is there once does not count.
TEST(GatewayMemory, AnIdleSessionCostsLittle) {
  LiveGateway live;
  std::vector<int> sockets;
  const auto log_in_more = [&](std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      SocketClient client(live.port());
      ASSERT_TRUE(client.log_in(sockets.size() + 1));
      sockets.push_back(client.release());
    }
  };
  log_in_more(1'000);
  sockets.reserve(4'000);
  // Large tables are mapped, and counted apart.
  const auto heap = [] { return mallinfo2().uordblks + mallinfo2().hblkhd; };
  const std::size_t before = heap();
  log_in_more(2'000);
  ASSERT_EQ(sessions(live), 3'000U);
  const std::size_t each = (heap() - before) / 2'000;
  RecordProperty("bytes_per_session", static_cast<int>(each));
  std::printf("bytes per idle session: %zu\n", each);
  EXPECT_LE(each, 1'024U);
  for (const int socket : sockets) close(socket);
}

}  // namespace
}  // namespace parley::test
