#include "client/session.h"

#include "proto/common.pb.h"
#include "proto/login.pb.h"

namespace parley::client {
namespace {

const Instant start{};

std::string login_reply(std::uint64_t user = 1, std::uint32_t ping_every_ms = 0) {
  wire::LoginReply reply;
  reply.set_user(user);
  reply.set_device_token("new device token");
  reply.set_access_token("access token");
  reply.set_access_token_valid_ms(900'000);
  reply.mutable_limits()->set_ping_every_ms(ping_every_ms);
  return reply.SerializeAsString();
}

std::string error_body(Errc code, std::uint32_t hint_ms = 0) {
  wire::ErrorBody body;
  body.set_code(static_cast<std::uint32_t>(code));
  body.set_retry_after_ms(hint_ms);
  return body.SerializeAsString();
}

class SessionTest : public testing::Test {
 protected:
  void make(Credentials credentials = {.name = "alice", .password = "secret secret"},
            std::size_t gateways = 1) {
    SessionOptions options;
    for (std::size_t i = 0; i < gateways; ++i)
      options.gateways.push_back({"host" + std::to_string(i), 1});
    session.emplace(options, std::move(credentials), 1);
    session->set_identity({.device = DeviceId{5}, .user = {}, .device_token = token});
  }
  void open() {
    session->start(now, out);
    session->on_open(now, out);
  }
  // The last action, which must be a request of this verb.
  void expect_request(Verb verb) {
    ASSERT_FALSE(out.empty());
    const auto* sent = std::get_if<Transmit>(&out.back());
    ASSERT_NE(sent, nullptr);
    EXPECT_EQ(sent->header.verb, static_cast<std::uint16_t>(verb));
    number = sent->header.number;
  }
  Session::Took give(FrameKind kind, const std::string& body) {
    return session->on_frame({{.kind = kind, .number = number}, body}, now, out);
  }
  void log_in(std::uint32_t ping_every_ms = 0) {
    open();
    expect_request(Verb::login_password);
    give(FrameKind::reply, login_reply(1, ping_every_ms));
    ASSERT_TRUE(session->is_ready());
    out.clear();
  }
  template <typename T>
  std::size_t count() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(out, [](const Action& a) { return std::holds_alternative<T>(a); }));
  }
  void expect_stopped(Errc why) {
    EXPECT_EQ(session->describe(now).phase, Phase::stopped);
    EXPECT_EQ(session->describe(now).why.code, why);
    EXPECT_EQ(session->next_deadline(), std::nullopt) << "nothing will happen by itself";
  }
  Duration waiting() const {
    EXPECT_EQ(session->describe(now).phase, Phase::waiting);
    return session->describe(now).retry_in;
  }

  Instant now = start;
  std::string token;
  std::optional<Session> session;
  std::vector<Action> out;
  std::uint32_t number = 0;
};

TEST_F(SessionTest, LogsInWithThePasswordWhenThereIsNothingBetter) {
  make();
  log_in();
  EXPECT_EQ(session->identity().user, UserId{1});
  EXPECT_EQ(session->identity().device_token, "new device token");
  EXPECT_EQ(session->identity().device, DeviceId{5});
}

TEST_F(SessionTest, PrefersTheDeviceTokenAndFallsBackToThePassword) {
  token = "old device token";
  make();
  open();
  expect_request(Verb::login_resume);
  give(FrameKind::error, error_body(Errc::refused));
  expect_request(Verb::login_password);
  EXPECT_TRUE(session->identity().device_token.empty()) << "a refused token is not tried again";
}

TEST_F(SessionTest, ReturnsWithTheAccessTokenWhileItIsValid) {
  make();
  log_in();
  session->on_closed({Errc::disconnected}, now, out);
  now = *session->next_deadline();
  session->tick(now, out);
  session->on_open(now, out);
  expect_request(Verb::login_token);
  give(FrameKind::error, error_body(Errc::refused));
  expect_request(Verb::login_resume);
}

TEST_F(SessionTest, DoesNotTryAnAccessTokenThatIsTooOld) {
  make();
  log_in();
  session->on_closed({Errc::disconnected}, now, out);
  now += 900s;
  session->tick(now, out);
  session->on_open(now, out);
  expect_request(Verb::login_resume);
}

TEST_F(SessionTest, StopsWhenEverythingIsRefused) {
  make();
  open();
  expect_request(Verb::login_password);
  give(FrameKind::error, error_body(Errc::refused));
  expect_stopped(Errc::refused);
  EXPECT_EQ(count<HangUp>(), 1U);
}

TEST_F(SessionTest, StopsWithoutAnyCredential) {
  make({.name = "alice"});
  open();
  expect_stopped(Errc::refused);
}

TEST_F(SessionTest, RegistersFirstThenLogsIn) {
  make({.name = "alice", .password = "secret secret", .account = Account::create});
  open();
  expect_request(Verb::login_register);
  give(FrameKind::reply, "");
  expect_request(Verb::login_password);
}

TEST_F(SessionTest, TakesATakenNameForItsOwnIfThePasswordFits) {
  make({.name = "alice", .password = "secret secret", .account = Account::create});
  open();
  expect_request(Verb::login_register);
  give(FrameKind::error, error_body(Errc::conflict));
  expect_request(Verb::login_password);
  give(FrameKind::error, error_body(Errc::refused));
  expect_stopped(Errc::conflict);
}

TEST_F(SessionTest, WaitsAsLongAsABusyServerSays) {
  make();
  open();
  expect_request(Verb::login_password);
  give(FrameKind::error, error_body(Errc::retry_later, 8'000));
  EXPECT_GE(waiting(), 8s);
  EXPECT_LE(waiting(), 12s);
}

TEST_F(SessionTest, CutsAnAbsurdHint) {
  make();
  log_in();
  give(FrameKind::close, error_body(Errc::going_away, 4'000'000'000U));
  EXPECT_LE(waiting(), 450s);
}

TEST_F(SessionTest, RefusesToMixTwoUsersInOneLog) {
  make();
  session->set_identity({.device = DeviceId{5}, .user = UserId{77}, .device_token = ""});
  open();
  expect_request(Verb::login_password);
  give(FrameKind::reply, login_reply(78));
  expect_stopped(Errc::conflict);
}

TEST_F(SessionTest, DoesNotFightWhoeverTookOver) {
  for (const Errc code : {Errc::replaced, Errc::revoked}) {
    make();
    log_in();
    give(FrameKind::close, error_body(code));
    expect_stopped(code);
    EXPECT_EQ(session->identity().device_token.empty(), code == Errc::revoked);
  }
}

TEST_F(SessionTest, ComesBackAfterAnyOtherClose) {
  for (const Errc code : {Errc::going_away, Errc::slow_consumer, Errc::bad_frame, Errc::idle}) {
    make();
    log_in();
    give(FrameKind::close, error_body(code));
    EXPECT_LE(waiting(), 300ms) << name_of(code);
    EXPECT_EQ(count<HangUp>(), 1U);
    out.clear();
  }
}

TEST_F(SessionTest, PausesLongerWithEachFailureUpToTheCap) {
  make();
  session->start(now, out);
  Duration longest{};
  for (int failure = 0; failure < 20; ++failure) {
    session->on_closed({Errc::disconnected}, now, out);
    longest = std::max(longest, waiting());
    if (failure == 0) { EXPECT_LE(waiting(), 250ms); }
    now = *session->next_deadline();
    session->tick(now, out);
  }
  EXPECT_GT(longest, 7s);
  EXPECT_LE(longest, 15s);
}

TEST_F(SessionTest, TriesTheWholeListQuicklyBeforeItPauses) {
  make({.name = "alice", .password = "x"}, 3);
  session->start(now, out);
  std::set<std::string> tried;
  for (int attempt = 0; attempt < 3; ++attempt) {
    tried.insert(std::get<Dial>(out.back()).endpoint.host);
    session->on_closed({Errc::disconnected}, now, out);
    now = *session->next_deadline();
    session->tick(now, out);
  }
  EXPECT_EQ(tried.size(), 3U);
  EXPECT_LE(now - start, 500ms);
}

TEST_F(SessionTest, GivesUpAConnectionThatDoesNotComeToBe) {
  make();
  session->start(now, out);
  now += 5s;
  session->tick(now, out);
  EXPECT_EQ(count<HangUp>(), 1U);
  waiting();
}

TEST_F(SessionTest, GivesUpALoginThatIsNotAnswered) {
  make();
  open();
  now += 12s;
  session->tick(now, out);
  EXPECT_EQ(count<HangUp>(), 1U);
  waiting();
}

TEST_F(SessionTest, PingsWhenItHasSaidNothingAndLeavesWhenItHearsNothing) {
  make();
  log_in();
  const Duration every = *session->next_deadline() - now;
  EXPECT_GE(every, 22s);
  EXPECT_LE(every, 30s);
  for (int ping = 1; ping <= 2; ++ping) {
    now = *session->next_deadline();
    session->tick(now, out);
    EXPECT_EQ(count<Transmit>(), static_cast<std::size_t>(ping));
  }
  while (session->is_ready()) {
    now = *session->next_deadline();
    session->tick(now, out);
  }
  EXPECT_LE(now - start, 90s);
  EXPECT_EQ(session->describe(now).why.code, Errc::idle);
}

TEST_F(SessionTest, PingsAsOftenAsTheServerWants) {
  make();
  log_in(1'000);
  EXPECT_LE(*session->next_deadline() - now, 1s);
}

TEST_F(SessionTest, ATrafficOfItsOwnReplacesPings) {
  make();
  log_in();
  now += 20s;
  session->on_sent(now);
  EXPECT_GT(*session->next_deadline(), start + 40s);
}

TEST_F(SessionTest, AnswersPingsInAnyState) {
  make();
  open();
  number = 42;
  EXPECT_EQ(give(FrameKind::ping, ""), Session::Took::yes);
  const auto& pong = std::get<Transmit>(out.back());
  EXPECT_EQ(pong.header.kind, FrameKind::pong);
  EXPECT_EQ(pong.header.number, 42U);
}

TEST_F(SessionTest, HandsUpOnlyWhatComesAfterTheLogin) {
  make();
  open();
  expect_request(Verb::login_password);
  const std::uint32_t login = number;
  number = login + 1;
  EXPECT_EQ(give(FrameKind::reply, login_reply()), Session::Took::yes);
  EXPECT_FALSE(session->is_ready()) << "an answer to something else is no login";
  number = login;
  give(FrameKind::reply, login_reply());
  EXPECT_TRUE(session->is_ready());
  EXPECT_EQ(give(FrameKind::notice, ""), Session::Took::no);
}

TEST_F(SessionTest, LeavesAServerThatAnswersALoginWithGarbage) {
  make();
  open();
  expect_request(Verb::login_password);
  give(FrameKind::reply, "\xff\xff\xff");
  waiting();
}

TEST_F(SessionTest, IgnoresWhatIsLateAfterStop) {
  make();
  open();
  session->stop({Errc::disconnected}, out);
  out.clear();
  session->on_open(now, out);
  session->on_closed({Errc::disconnected}, now, out);
  session->tick(now + 1h, out);
  EXPECT_TRUE(out.empty());
  expect_stopped(Errc::disconnected);
}

}  // namespace
}  // namespace parley::client
