#include "gateway/session.h"

#include <set>

#include "gateway/connection_id.h"
#include "proto/bytes.h"
#include "tests/unit/gateway/channel_peer.h"

namespace parley::test {
namespace {

constexpr UserId alice{11};
constexpr DeviceId phone{77};

// A session and its client, joined by strings.
struct Line {
  SessionRules rules;
  GatewayCounts counts;
  Instant now{1000s};
  ChannelPeer client;
  std::optional<Session> session;
  std::vector<Session::Publish> published;
  std::vector<std::string> bodies;
  std::vector<SessionIdentity> bound;
  std::vector<Session::Close> closes;

  explicit Line(SessionRules r = {}) : rules(std::move(r)) {
    rules.keys = {test_key()};
    rules.new_ephemeral = [] {
      SecretKey secret;
      secure_random(secret);
      return secret;
    };
    session.emplace(connection_id(5, 3), 42, rules, counts, now);
  }

  void act(Session::Action& action) {
    if (auto* publish = std::get_if<Session::Publish>(&action)) {
      bodies.emplace_back(publish->body);
      published.push_back(*publish);
    }
    if (auto* bind = std::get_if<Session::Bind>(&action)) bound.push_back(bind->identity);
    if (auto* close = std::get_if<Session::Close>(&action)) closes.push_back(*close);
  }

  // One piece, as a read would bring it.
  void send(std::string bytes) {
    if (session->is_closing()) return;
    std::string out;
    session->receive(bytes);
    for (;;) {
      auto action = session->next(now, out);
      act(action);
      if (std::holds_alternative<Session::Nothing>(action) || session->is_closing()) break;
    }
    client.feed(out);
  }

  void reply(std::uint32_t number, EnvelopeHeader header, std::string_view body = {}) {
    std::string out;
    const FrameHeader request{.kind = FrameKind::request,
                              .verb = header.verb,
                              .number = number,
                              .target = 5};
    auto action = session->on_reply(request, header, body, now, out);
    act(action);
    client.feed(out);
  }

  void shake_hands() { send(client.hello()); }
  void log_in(std::uint32_t number = 1) {
    shake_hands();
    send(client.request(Verb::login_password, number, "secret"));
    grant(number);
    client.next();
    published.clear();
    bodies.clear();
  }
  void grant(std::uint32_t number) {
    EnvelopeHeader header;
    header.verb = static_cast<std::uint16_t>(Verb::login_password);
    header.flags = flag_binds_session;
    header.user = alice;
    header.device = phone;
    header.generation = Generation{9};
    header.target = 2;
    reply(number, header, "welcome");
  }
  EnvelopeHeader answer(Verb verb) {
    EnvelopeHeader header;
    header.verb = static_cast<std::uint16_t>(verb);
    return header;
  }
};

SessionRules without_rates() {
  SessionRules rules;
  rules.frames.rate = {};
  return rules;
}

std::uint32_t number_of(Errc code) { return static_cast<std::uint32_t>(code); }

TEST(SessionHandshake, SucceedsHoweverTheHelloIsCut) {
  for (std::size_t cut = 1; cut < hello_bytes; ++cut) {
    Line line;
    line.send(line.client.hello().substr(0, cut));
    EXPECT_FALSE(line.client.open());
    line.send(line.client.hello().substr(cut));
    ASSERT_TRUE(line.client.open()) << cut;
    line.send(line.client.ping(1));
    EXPECT_EQ(line.client.next()->header.kind, FrameKind::pong);
  }
}

TEST(SessionHandshake, AnyFlippedBitEndsItWithoutAWord) {
  for (std::size_t at = 0; at < hello_bytes; ++at) {
    Line line;
    std::string hello = line.client.hello();
    hello[at] = static_cast<char>(hello[at] ^ 1);
    line.send(hello);
    ASSERT_EQ(line.closes.size(), 1U) << at;
    EXPECT_FALSE(line.closes[0].told);
    EXPECT_EQ(line.counts.frames_out, 0U);
    EXPECT_EQ(line.counts.handshakes_failed, 1U);
  }
}

TEST(SessionHandshake, PointsOfLowOrderAreRefused) {
  const std::vector<std::string> points = {
      std::string(32, '\0'), "\x01" + std::string(31, '\0'),
      "\xec" + std::string(30, '\xff') + "\x7f"};
  for (const std::string& point : points) {
    Line line;
    std::string hello = line.client.hello();
    hello.replace(8, 32, point);
    line.send(hello);
    EXPECT_EQ(line.closes.size(), 1U);
  }
}

TEST(SessionHandshake, OtherProtocolsAreRefused) {
  for (const std::string& start : {std::string("GET / HTTP/1.1\r\nHost: example\r\n\r\n"),
                                   std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11),
                                   std::string("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")}) {
    Line line;
    line.send(start + std::string(hello_bytes, 'x'));
    EXPECT_EQ(line.closes.size(), 1U);
  }
}

TEST(SessionHandshake, AnAnonymousClientCannotSpeakWithAnotherServersKey) {
  Line line;
  ChannelPeer stranger(generate_server_key(test_key().id));
  line.send(stranger.hello());
  EXPECT_EQ(line.closes.size(), 1U);
}

TEST(SessionLogin, BindsTheIdentityOfTheReply) {
  Line line;
  line.shake_hands();
  line.send(line.client.request(Verb::login_password, 1, "secret", 999));
  ASSERT_EQ(line.published.size(), 1U);
  EXPECT_EQ(line.bodies[0], "secret");
  EXPECT_EQ(line.published[0].header.user, UserId{});
  EXPECT_EQ(line.published[0].header.origin, 42U);
  EXPECT_EQ(line.published[0].header.key, line.session->id().value);
  EXPECT_FALSE(line.session->is_ready());
  line.grant(1);
  ASSERT_EQ(line.bound.size(), 1U);
  EXPECT_EQ(line.bound[0].user, alice);
  EXPECT_EQ(line.bound[0].device, phone);
  EXPECT_EQ(line.bound[0].generation, Generation{9});
  EXPECT_EQ(line.bound[0].device_class, 2);
  EXPECT_TRUE(line.session->is_ready());
  EXPECT_EQ(line.client.next()->body, "welcome");
}

TEST(SessionLogin, ARefusedLoginMayBeTriedAgain) {
  Line line;
  line.shake_hands();
  line.send(line.client.request(Verb::login_password, 1));
  EnvelopeHeader refused = line.answer(Verb::login_password);
  refused.error = number_of(Errc::refused) & 0xFFFF;
  line.reply(1, refused);
  EXPECT_EQ(line.client.next()->code(), number_of(Errc::refused));
  EXPECT_TRUE(line.bound.empty());
  line.send(line.client.request(Verb::login_password, 1));
  EXPECT_EQ(line.published.size(), 2U);
}

TEST(SessionLogin, RegisteringDoesNotLogIn) {
  Line line;
  line.shake_hands();
  line.send(line.client.request(Verb::login_register, 1));
  line.reply(1, line.answer(Verb::login_register), "done");
  EXPECT_EQ(line.client.next()->header.kind, FrameKind::reply);
  EXPECT_FALSE(line.session->is_ready());
  line.send(line.client.request(Verb::login_password, 2));
  line.grant(2);
  EXPECT_TRUE(line.session->is_ready());
}

TEST(SessionLogin, AFlagOnTheReplyToAUsersRequestBindsNobodyElse) {
  Line line;
  line.log_in();
  line.send(line.client.request(Verb::c2c_send, 2, "x", 5));
  EnvelopeHeader reply = line.answer(Verb::c2c_send);
  reply.flags = flag_binds_session;
  reply.user = UserId{999};
  line.reply(2, reply);
  EXPECT_EQ(line.bound.size(), 1U);
}

TEST(SessionLogin, AReplyThatNamesNobodyIsAnError) {
  Line line;
  line.shake_hands();
  line.send(line.client.request(Verb::login_password, 1));
  EnvelopeHeader reply = line.answer(Verb::login_password);
  reply.flags = flag_binds_session;
  line.reply(1, reply);
  EXPECT_EQ(line.client.next()->code(), number_of(Errc::internal));
  EXPECT_TRUE(line.bound.empty());
}

TEST(SessionLogin, FramesAreSmallBeforeIt) {
  Line line;
  line.shake_hands();
  const std::string largest(
      limits::frame_before_login_max - limits::frame_header_bytes - limits::tag_bytes, 'x');
  line.send(line.client.frame({.kind = FrameKind::ping, .number = 1}, largest));
  EXPECT_EQ(line.client.waiting(), 1U);
  line.send(line.client.frame({.kind = FrameKind::ping, .number = 2}, largest + "x"));
  ASSERT_EQ(line.closes.size(), 1U);
  EXPECT_EQ(line.closes[0].reason, Errc::bad_frame);
}

// Every verb in every state: what the table in session.h says.
TEST(SessionVerbs, AreAllowedByCallerAndState) {
  enum class State { await_login, logging_in, ready };
  for (const State state : {State::await_login, State::logging_in, State::ready}) {
    for (unsigned verb_number = 0; verb_number < 0x1000; ++verb_number) {
      const auto verb = verb_info(static_cast<std::uint16_t>(verb_number));
      if (!verb && verb_number % 97 != 0) continue;
      Line line;
      if (state == State::ready) line.log_in();
      else line.shake_hands();
      if (state == State::logging_in) line.send(line.client.request(Verb::login_token, 1));
      line.published.clear();
      line.send(line.client.request(static_cast<Verb>(verb_number), 2));

      std::optional<Errc> expected;
      if (!verb || verb->caller == Caller::gateway || verb->caller == Caller::business)
        expected = Errc::unsupported;
      else if (verb->caller == Caller::user && state != State::ready)
        expected = Errc::unauthenticated;
      else if (verb->caller == Caller::anonymous && state != State::await_login)
        expected = Errc::bad_request;
      EXPECT_EQ(line.published.empty(), expected.has_value()) << verb_number;
      const auto frame = line.client.next();
      ASSERT_EQ(frame.has_value(), expected.has_value()) << verb_number;
      if (!frame) continue;
      EXPECT_EQ(frame->header.kind, FrameKind::error);
      EXPECT_EQ(frame->header.number, 2U);
      EXPECT_EQ(frame->header.verb, verb_number);
      EXPECT_EQ(frame->code(), number_of(*expected)) << verb_number;
    }
  }
}

TEST(SessionVerbs, EveryBodyHasItsLimit) {
  for (const Verb verb : verb_numbers) {
    const VerbInfo info = *verb_info(static_cast<std::uint16_t>(verb));
    if (info.caller == Caller::gateway || info.caller == Caller::business) continue;
    Line line;
    if (info.caller == Caller::user) line.log_in();
    else line.shake_hands();
    line.send(line.client.request(verb, 2, std::string(info.body_max + 1, 'x')));
    const auto frame = line.client.next();
    ASSERT_TRUE(frame) << info.name;
    EXPECT_EQ(frame->code(), number_of(Errc::too_large)) << info.name;
    EXPECT_TRUE(line.published.empty());
    line.send(line.client.request(verb, 3, std::string(info.body_max, 'x')));
    EXPECT_EQ(line.published.size(), 1U) << info.name;
  }
}

TEST(SessionRequest, CarriesTheSessionsIdentityAndNothingOfTheBodys) {
  Line line;
  line.log_in();
  line.send(line.client.request(Verb::c2c_send, 2, "user=999", 1234));
  line.send(line.client.request(Verb::login_find, 3, "who", 1234));
  ASSERT_EQ(line.published.size(), 2U);
  for (const auto& publish : line.published) {
    EXPECT_EQ(publish.header.user, alice);
    EXPECT_EQ(publish.header.device, phone);
    EXPECT_EQ(publish.header.generation, Generation{9});
    EXPECT_EQ(publish.header.target, 1234U);
  }
  EXPECT_EQ(line.published[0].header.key, 1234U);
  EXPECT_EQ(line.published[1].header.key, alice.value);
  EXPECT_NE(line.published[0].header.trace, line.published[1].header.trace);
}

TEST(SessionRequest, HasATraceOfItsOwnAlsoWhenItsNumberWasUsedBefore) {
  Line line;
  line.shake_hands();
  line.send(line.client.request(Verb::login_password, 1, "secret"));
  line.grant(1);
  for (int i = 0; i < 2; ++i) {
    line.send(line.client.request(Verb::c2c_send, 1));
    line.reply(1, line.answer(Verb::c2c_send), "ack");
  }
  ASSERT_EQ(line.published.size(), 3U);
  std::set<std::uint64_t> traces;
  for (const auto& publish : line.published) traces.insert(publish.header.trace);
  EXPECT_EQ(traces.size(), 3U);
}

TEST(SessionRequest, ANumberInFlightIsNotTakenTwice) {
  Line line;
  line.log_in();
  line.send(line.client.request(Verb::c2c_send, 2));
  line.send(line.client.request(Verb::c2c_send, 2));
  EXPECT_EQ(line.published.size(), 1U);
  EXPECT_EQ(line.client.next()->code(), number_of(Errc::bad_request));
  line.reply(2, line.answer(Verb::c2c_send), "ack");
  EXPECT_EQ(line.client.next()->body, "ack");
  line.send(line.client.request(Verb::c2c_send, 2));
  EXPECT_EQ(line.published.size(), 2U);
}

TEST(SessionRequest, AnAnswerIsGivenOnce) {
  Line line;
  line.log_in();
  line.send(line.client.request(Verb::c2c_send, 2, {}, 5));
  line.reply(2, line.answer(Verb::c2c_send), "ack");
  line.reply(2, line.answer(Verb::c2c_send), "ack");
  ASSERT_EQ(line.client.waiting(), 1U);
  const auto frame = line.client.next();
  const FrameHeader expected{.kind = FrameKind::reply, .verb = 0x0201, .number = 2, .target = 5};
  EXPECT_EQ(frame->header, expected);
  EXPECT_EQ(frame->body, "ack");
}

TEST(SessionRequest, TooManyUnansweredAreRefusedWithAHint) {
  Line line(without_rates());
  line.log_in();
  for (std::uint32_t number = 10; number < 10 + 64 + 3; ++number)
    line.send(line.client.request(Verb::c2c_send, number));
  EXPECT_EQ(line.published.size(), 64U);
  ASSERT_EQ(line.client.waiting(), 3U);
  const auto refused = line.client.next();
  EXPECT_EQ(refused->code(), number_of(Errc::rate_limited));
  EXPECT_GT(refused->retry_after_ms(), 0U);
  line.reply(10, line.answer(Verb::c2c_send));
  line.send(line.client.request(Verb::c2c_send, 99));
  EXPECT_EQ(line.published.size(), 65U);
}

TEST(SessionRequest, AnErrorOfTheHouseholdIsNotTold) {
  Line line;
  line.log_in();
  line.send(line.client.request(Verb::c2c_send, 2));
  EnvelopeHeader reply = line.answer(Verb::c2c_send);
  reply.error = number_of(Errc::io) & 0xFFFF;
  line.reply(2, reply);
  EXPECT_EQ(line.client.next()->code(), number_of(Errc::internal));
}

TEST(SessionRequest, ThatCannotBePublishedIsAnsweredAndForgotten) {
  Line line;
  line.log_in();
  line.send(line.client.request(Verb::c2c_send, 2));
  std::string out;
  line.session->refuse(line.published[0].request, {Errc::retry_later, {}, 250}, line.now, out);
  line.client.feed(out);
  const auto refused = line.client.next();
  EXPECT_EQ(refused->code(), number_of(Errc::retry_later));
  EXPECT_EQ(refused->retry_after_ms(), 250U);
  EXPECT_EQ(line.session->in_flight(), 0U);
}

TEST(SessionRate, FramesAboveItAreRefusedUntilTheHintIsOver) {
  Line line;
  line.log_in();
  line.now += 10s;
  for (std::uint32_t number = 10; number < 10 + 45; ++number)
    line.send(line.client.request(Verb::c2c_send, number));
  EXPECT_EQ(line.published.size(), 40U);
  ASSERT_EQ(line.client.waiting(), 5U);
  const auto refused = line.client.next();
  EXPECT_EQ(refused->code(), number_of(Errc::rate_limited));
  EXPECT_FALSE(line.session->is_closing()) << "what was under way when it was told is no offence";
  line.now += std::chrono::milliseconds(refused->retry_after_ms());
  line.send(line.client.request(Verb::c2c_send, 100));
  EXPECT_EQ(line.published.size(), 41U);
}

TEST(SessionRate, WhoDoesNotHeedHintsIsClosed) {
  Line line;
  line.log_in();
  for (std::uint32_t number = 10; !line.session->is_closing() && number < 1'000; ++number) {
    line.send(line.client.request(Verb::c2c_send, number));
    line.now += 10ms;
  }
  ASSERT_EQ(line.closes.size(), 1U);
  EXPECT_EQ(line.closes[0].reason, Errc::rate_limited);
  EXPECT_TRUE(line.closes[0].told);
}

// Sends `many` as often as it takes to be closed, ten times a second.
int pieces_until_closed(Line& line, const std::function<std::string()>& many) {
  for (int piece = 1; piece <= 100; ++piece) {
    line.send(many());
    if (!line.closes.empty()) return piece;
    line.now += 100ms;
  }
  return 0;
}

TEST(SessionRate, CountsPongsAndRekeysLikeEverythingElse) {
  SessionRules rules;
  rules.frames = {.rate = {1, 5}, .strikes_max = 2};
  Line pongs(rules);
  pongs.log_in();
  const auto pong = [&] { return pongs.client.frame({.kind = FrameKind::pong}); };
  EXPECT_NE(pieces_until_closed(pongs, pong), 0);
  ASSERT_EQ(pongs.closes.size(), 1U);
  EXPECT_EQ(pongs.closes[0].reason, Errc::rate_limited);
  EXPECT_EQ(pongs.client.next()->header.kind, FrameKind::close) << "and none was answered";

  // Four records a second, of which every other one is a rekey: within a rate of 5, not of 2.
  const auto rekeying = [](std::uint64_t per_second) {
    SessionRules slow;
    slow.frames = {.rate = {per_second, 2}, .strikes_max = 1};
    Line line(slow);
    line.log_in();
    Instant client_time = monotonic_now();
    for (int pings = 0; pings < 40 && line.closes.empty(); ++pings) {
      line.now += 500ms;
      client_time += std::chrono::milliseconds(limits::rekey_after_ms);
      line.send(line.client.frame_at(client_time, {.kind = FrameKind::ping}));
    }
    return std::pair{line.closes.size(), line.counts.frames_in};
  };
  EXPECT_EQ(rekeying(5), (std::pair{std::size_t{0}, std::uint64_t{81}}));
  EXPECT_EQ(rekeying(2).first, 1U);
}

TEST(SessionFrames, OfTheServersKindsCloseTheConnection) {
  for (const FrameKind kind : {FrameKind::reply, FrameKind::error, FrameKind::notice}) {
    Line line;
    line.log_in();
    line.send(line.client.frame({.kind = kind, .number = 1}));
    ASSERT_EQ(line.closes.size(), 1U);
    EXPECT_EQ(line.closes[0].reason, Errc::bad_frame);
    const auto last = line.client.next();
    EXPECT_EQ(last->header.kind, FrameKind::close);
    EXPECT_EQ(last->code(), number_of(Errc::bad_frame));
  }
}

TEST(SessionFrames, AGoodbyeIsReturned) {
  Line line;
  line.log_in();
  line.send(line.client.frame({.kind = FrameKind::close}));
  ASSERT_EQ(line.closes.size(), 1U);
  EXPECT_FALSE(line.closes[0].reason);
  EXPECT_EQ(line.client.next()->header.kind, FrameKind::close);
}

TEST(SessionFrames, APongIsNotAnswered) {
  Line line;
  line.log_in();
  line.send(line.client.frame({.kind = FrameKind::pong, .number = 4}));
  EXPECT_EQ(line.client.waiting(), 0U);
  EXPECT_TRUE(line.session->is_ready());
}

TEST(SessionRecords, TwoInOneSegmentAndOneInManyAreTheSame) {
  Line line(without_rates());
  line.log_in();
  std::string bytes = line.client.ping(1);
  bytes += line.client.ping(2);
  line.send(bytes);
  EXPECT_EQ(line.client.waiting(), 2U);
  for (const char byte : line.client.request(Verb::c2c_send, 3, "slowly", 5))
    line.send(std::string(1, byte));
  ASSERT_EQ(line.bodies.size(), 1U);
  EXPECT_EQ(line.bodies[0], "slowly");
  EXPECT_EQ(line.session->held_bytes(), 0U);
}

TEST(SessionRecords, TenThousandPipelinedAreAllAnswered) {
  Line line(without_rates());
  line.log_in();
  std::string bytes;
  for (std::uint32_t number = 0; number < 10'000; ++number) bytes += line.client.ping(number);
  for (std::size_t at = 0; at < bytes.size(); at += 1'499) line.send(bytes.substr(at, 1'499));
  ASSERT_EQ(line.client.waiting(), 10'000U);
  for (std::uint32_t number = 0; number < 10'000; ++number)
    ASSERT_EQ(line.client.next()->header.number, number);
}

TEST(SessionRecords, AnyFlippedBitBreaksOff) {
  const std::size_t size = 2 + 16 + 16 + 4;
  for (std::size_t at = 2; at < size; ++at) {
    Line line;
    line.log_in();
    std::string bytes = line.client.request(Verb::c2c_send, 2, "body");
    ASSERT_EQ(bytes.size(), size);
    bytes[at] = static_cast<char>(bytes[at] ^ 0x40);
    line.send(bytes);
    ASSERT_EQ(line.closes.size(), 1U) << at;
    EXPECT_FALSE(line.closes[0].told);
    EXPECT_TRUE(line.published.empty());
  }
}

TEST(SessionRecords, ReplayedReorderedOrDroppedOnesBreakOff) {
  for (const int attack : {0, 1, 2}) {
    Line line;
    line.log_in();
    const std::string first = line.client.ping(1);
    const std::string second = line.client.ping(2);
    if (attack == 0) line.send(first + first);
    if (attack == 1) line.send(second + first);
    if (attack == 2) line.send(second);
    ASSERT_EQ(line.closes.size(), 1U) << attack;
    EXPECT_FALSE(line.closes[0].told);
    line.send(first);
    EXPECT_TRUE(line.session->is_closing());
  }
}

TEST(SessionRecords, ImpossibleLengthsBreakOffBeforeAnyByteIsKept) {
  for (const unsigned length : {0U, 1U, 31U}) {
    Line line;
    line.log_in();
    std::string prefix;
    append(prefix, static_cast<std::uint16_t>(length));
    line.send(prefix);
    EXPECT_EQ(line.closes.size(), 1U) << length;
  }
}

TEST(SessionRecords, ADeclaredLengthCostsNothing) {
  Line line;
  line.log_in();
  line.send("\xff\xff");
  EXPECT_TRUE(line.closes.empty());
  EXPECT_EQ(line.session->held_bytes(), 0U);
}

TEST(SessionDeadline, DependsOnTheState) {
  Line line;
  const Instant start = line.now;
  EXPECT_EQ(line.session->deadline(), start + 3s);
  line.send("P");
  EXPECT_EQ(line.session->deadline(), start + 5s);
  line.send(line.client.hello().substr(1));
  EXPECT_EQ(line.session->deadline(), start + 10s);
  line.send(line.client.request(Verb::login_password, 1));
  EXPECT_EQ(line.session->deadline(), start + 10s);
  line.now += 4s;
  line.grant(1);
  EXPECT_EQ(line.session->deadline(), line.now + 90s);
  line.now += 60s;
  line.send(line.client.ping(1));
  EXPECT_EQ(line.session->deadline(), line.now + 90s);
}

TEST(SessionDeadline, ClosesWithIdleOnceTheChannelIsThere) {
  Line line;
  line.log_in();
  std::string out;
  auto early = line.session->on_deadline(line.now + 89s, out);
  EXPECT_TRUE(std::holds_alternative<Session::Nothing>(early));
  auto action = line.session->on_deadline(line.now + 90s, out);
  line.act(action);
  line.client.feed(out);
  ASSERT_EQ(line.closes.size(), 1U);
  EXPECT_TRUE(line.closes[0].told);
  EXPECT_EQ(line.client.next()->code(), number_of(Errc::idle));
  auto last = line.session->on_deadline(line.now + 100s, out);
  EXPECT_FALSE(std::get<Session::Close>(last).told) << "the client had its time to read";
}

TEST(SessionDeadline, ASilentStrangerIsCutWithoutAWord) {
  Line line;
  std::string out;
  auto action = line.session->on_deadline(line.now + 3s, out);
  EXPECT_FALSE(std::get<Session::Close>(action).told);
  EXPECT_TRUE(out.empty());
}

TEST(SessionLeave, GoesAtOnceWhenNothingIsUnanswered) {
  Line line;
  line.log_in();
  std::string out;
  auto action = line.session->leave(1'234, line.now, out);
  EXPECT_TRUE(std::holds_alternative<Session::Close>(action));
  line.client.feed(out);
  const auto last = line.client.next();
  EXPECT_EQ(last->code(), number_of(Errc::going_away));
  EXPECT_EQ(last->retry_after_ms(), 1'234U);
}

TEST(SessionLeave, WaitsForTheLastAnswerAndTakesNothingNew) {
  Line line;
  line.log_in();
  line.send(line.client.request(Verb::c2c_send, 2));
  std::string out;
  auto action = line.session->leave(1'000, line.now, out);
  EXPECT_TRUE(std::holds_alternative<Session::Nothing>(action));
  line.send(line.client.request(Verb::c2c_send, 3));
  EXPECT_EQ(line.client.next()->code(), number_of(Errc::going_away));
  line.reply(2, line.answer(Verb::c2c_send), "ack");
  EXPECT_EQ(line.client.next()->body, "ack");
  EXPECT_EQ(line.client.next()->header.kind, FrameKind::close);
  EXPECT_TRUE(line.session->is_closing());
}

TEST(SessionLogout, ClosesAfterTheReply) {
  Line line;
  line.log_in();
  line.send(line.client.request(Verb::login_logout, 2));
  EnvelopeHeader reply = line.answer(Verb::login_logout);
  reply.flags = flag_ends_session;
  line.reply(2, reply);
  EXPECT_EQ(line.client.next()->header.kind, FrameKind::reply);
  EXPECT_EQ(line.client.next()->header.kind, FrameKind::close);
  EXPECT_EQ(line.closes.size(), 1U);
}

TEST(SessionNotice, CarriesTargetAndBody) {
  Line line;
  line.log_in();
  std::string out;
  line.session->notify(Notice::c2c_message, 55, "hello", line.now, out);
  line.client.feed(out);
  const auto notice = line.client.next();
  EXPECT_EQ(notice->header.kind, FrameKind::notice);
  EXPECT_EQ(notice->header.verb, static_cast<std::uint16_t>(Notice::c2c_message));
  EXPECT_EQ(notice->header.target, 55U);
  EXPECT_EQ(notice->body, "hello");
}

// The largest part of an idle connection's own memory (DESIGN §10, bar 6).
TEST(SessionMemory, AnIdleSessionHoldsNoHeap) {
  Line line(without_rates());
  line.log_in();
  for (std::uint32_t number = 2; number < 60; ++number)
    line.send(line.client.request(Verb::c2c_send, number, std::string(20'000, 'x')));
  for (std::uint32_t number = 2; number < 60; ++number)
    line.reply(number, line.answer(Verb::c2c_send));
  EXPECT_EQ(line.session->held_bytes(), 0U);
  EXPECT_LE(sizeof(Session), 440U);
}

}  // namespace
}  // namespace parley::test
