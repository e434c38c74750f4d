#include "workers/login_token.h"
#include "tests/unit/workers/bench.h"
#include "tests/unit/workers/forwarding_user_store.h"

namespace parley::test {
namespace {

// Between reading a device and replacing its token there is a moment in which somebody else may
// act.
class RacingUserStore final : public ForwardingUserStore {
 public:
  using ForwardingUserStore::ForwardingUserStore;
  std::function<void()> before_rotate;

  Result<std::optional<Generation>> rotate_device(UserId user, DeviceId device,
                                                  const TokenHash& expected,
                                                  const DeviceTokens& tokens) override {
    before_rotate();
    return ForwardingUserStore::rotate_device(user, device, expected, tokens);
  }
};

struct LoginToken : testing::Test {
  Bench bench;
  UserId ann;
  std::string device_token;
  std::string access_token;

  void SetUp() override {
    const auto hash = bench.hasher.hash("correct horse");
    ann = *bench.users.create_account({.name = "ann", .nickname = "Ann", .password_hash = *hash});
    log_in();
  }
  void log_in() {
    wire::PasswordRequest request;
    request.set_name("ann");
    request.set_password("correct horse");
    set_device(*request.mutable_device());
    const auto reply = bench.ask<wire::LoginReply>(Verb::login_password, {}, 0, request);
    ASSERT_TRUE(reply);
    device_token = reply->device_token();
    access_token = reply->access_token();
  }
  static void set_device(wire::Device& device, std::uint64_t id = 42) {
    device.set_id(id);
    device.set_device_class(wire::DEVICE_CLASS_PC);
  }
  Result<wire::LoginReply> resume(const std::string& token, std::uint64_t device = 42) {
    wire::ResumeRequest request;
    request.set_device_token(token);
    set_device(*request.mutable_device(), device);
    return bench.ask<wire::LoginReply>(Verb::login_resume, {}, 0, request);
  }
  Result<wire::LoginReply> return_with(const std::string& token, std::uint64_t device = 42) {
    wire::TokenRequest request;
    request.set_access_token(token);
    set_device(*request.mutable_device(), device);
    return bench.ask<wire::LoginReply>(Verb::login_token, {}, 0, request);
  }
};

TEST_F(LoginToken, ResumeReplacesTheDeviceTokenWithoutHashing) {
  const auto hashed = bench.hasher.verified.size();
  const auto reply = resume(device_token);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->user(), ann.value);
  EXPECT_EQ(reply->nickname(), "Ann");
  EXPECT_NE(reply->device_token(), device_token);
  EXPECT_EQ(reply->access_token().size(), 32u);
  EXPECT_EQ(bench.hasher.verified.size(), hashed);
  EXPECT_TRUE(resume(reply->device_token()));
}

TEST_F(LoginToken, ResumeBindsTheSessionAndReplacesOlderOnes) {
  wire::ResumeRequest request;
  request.set_device_token(device_token);
  set_device(*request.mutable_device());
  const auto answer = bench.ask_raw(Verb::login_resume, {{}, 0, request.SerializeAsString()});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->flags, flag_binds_session);
  EXPECT_EQ(answer->user, ann);
  EXPECT_EQ(answer->generation, Generation{2});
  EXPECT_EQ(answer->target, static_cast<std::uint64_t>(wire::DEVICE_CLASS_PC));
  ASSERT_EQ(bench.deliveries.size(), 1u);
  EXPECT_EQ(bench.deliveries[0].notice, Notice::login_replaced);
}

TEST_F(LoginToken, TheSameTokenWithinAMinuteGivesTheSameSuccessor) {
  const auto first = resume(device_token);
  bench.pass(60s);
  bench.restart();
  const auto again = resume(device_token);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->device_token(), first->device_token());
  EXPECT_TRUE(resume(first->device_token())) << "and it is still good";
}

TEST_F(LoginToken, TheSameTokenLaterRevokesTheDevice) {
  const auto first = resume(device_token);
  bench.pass(61s);
  EXPECT_EQ(code_of(resume(device_token)), Errc::refused);
  ASSERT_EQ(bench.deliveries.size(), 1u);
  EXPECT_EQ(bench.deliveries[0].notice, Notice::login_revoked);
  EXPECT_EQ(bench.deliveries[0].reach, Reach::every_gateway);
  wire::SessionRevoked notice;
  ASSERT_TRUE(notice.ParseFromString(bench.deliveries[0].body));
  EXPECT_EQ(notice.user(), ann.value);
  EXPECT_EQ(notice.device(), 42u);
  EXPECT_EQ(notice.generation(), 2u);
  EXPECT_EQ(code_of(resume(first->device_token())), Errc::refused) << "the thief has nothing";
  EXPECT_EQ(code_of(return_with(first->access_token())), Errc::refused);
}

TEST_F(LoginToken, TokensOfOthersAreRefused) {
  EXPECT_EQ(code_of(resume(device_token, 43)), Errc::refused);
  EXPECT_EQ(code_of(return_with(access_token, 43)), Errc::refused);
  EXPECT_EQ(code_of(resume(std::string(32, 'x'))), Errc::refused);
  EXPECT_EQ(code_of(resume(std::string(32, '\0'))), Errc::refused);
  EXPECT_EQ(code_of(resume("")), Errc::refused);
  EXPECT_EQ(code_of(resume(device_token + "x")), Errc::refused);
  EXPECT_EQ(code_of(return_with(std::string(32, 'x'))), Errc::refused);
  EXPECT_EQ(code_of(return_with(device_token)), Errc::refused) << "of the other kind";
  EXPECT_EQ(code_of(resume(access_token)), Errc::refused);
  EXPECT_TRUE(resume(device_token)) << "none of this did any harm";
}

TEST_F(LoginToken, AccessTokenReturnsQuicklyAndIsReplaced) {
  const auto reply = return_with(access_token);
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply->device_token().empty());
  EXPECT_NE(reply->access_token(), access_token);
  EXPECT_EQ(code_of(return_with(access_token)), Errc::refused);
  EXPECT_TRUE(return_with(reply->access_token()));
}

TEST_F(LoginToken, AccessTokenEndsAfterFifteenMinutes) {
  bench.pass(15min - 1ms);
  EXPECT_TRUE(return_with(access_token));
  log_in();
  bench.pass(15min);
  EXPECT_EQ(code_of(return_with(access_token)), Errc::refused);
}

TEST_F(LoginToken, DeviceTokenSlidesThirtyDaysAndEndsAfterNinety) {
  std::string token = device_token;
  for (int i = 0; i < 3; ++i) {
    bench.pass(24h * 29);
    const auto reply = resume(token);
    ASSERT_TRUE(reply);
    token = reply->device_token();
  }
  bench.pass(24h * 3);  // 90 days since the password, 3 since the last use
  EXPECT_EQ(code_of(resume(token)), Errc::refused);
  log_in();
  bench.pass(24h * 30);
  EXPECT_EQ(code_of(resume(device_token)), Errc::refused);
}

TEST_F(LoginToken, LogoutRevokesTheTokensAndEndsTheSession) {
  const Session session{ann, DeviceId{42}, Generation{3}};
  const auto answer =
      bench.ask_raw(Verb::login_logout, {session, 0, wire::LogoutRequest().SerializeAsString()});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->flags, flag_ends_session);
  wire::SessionRevoked notice;
  ASSERT_EQ(bench.deliveries.size(), 1u);
  ASSERT_TRUE(notice.ParseFromString(bench.deliveries[0].body));
  EXPECT_EQ(notice.generation(), 2u) << "the asking session ends with its reply, not before";
  EXPECT_EQ(code_of(resume(device_token)), Errc::refused);
  EXPECT_EQ(code_of(return_with(access_token)), Errc::refused);
}

TEST_F(LoginToken, LogoutAndFindNeedASession) {
  EXPECT_EQ(code_of(bench.ask<wire::LogoutReply>(Verb::login_logout, {}, 0, wire::LogoutRequest())),
            Errc::unauthenticated);
  EXPECT_EQ(code_of(bench.ask<wire::FindReply>(Verb::login_find, {}, 0, wire::FindRequest())),
            Errc::unauthenticated);
}

TEST_F(LoginToken, AskToRetryWhileTheDatabaseIsAway) {
  const auto failing = [&](const auto& call) {
    bench.database->set_faults({.fail_calls = 1});
    EXPECT_EQ(code_of(call()), Errc::retry_later);
  };
  failing([&] { return resume(device_token); });
  failing([&] { return return_with(access_token); });
  EXPECT_TRUE(resume(device_token));
}

TEST_F(LoginToken, TheSlowerOfTwoEqualResumesGetsTheSameSuccessor) {
  std::optional<std::string> faster;
  RacingUserStore racing(bench.users);
  TokenLogin slow(racing, {});
  racing.before_rotate = [&] { faster = resume(device_token)->device_token(); };
  wire::ResumeRequest message;
  message.set_device_token(device_token);
  set_device(*message.mutable_device());
  const EnvelopeHeader header;
  const Response response = slow.by_device_token({header, message}, bench.moment);
  ASSERT_TRUE(response.answer);
  wire::LoginReply reply;
  ASSERT_TRUE(reply.ParseFromString(response.answer->body));
  EXPECT_EQ(reply.device_token(), faster);
  EXPECT_TRUE(resume(*faster));
}

TEST_F(LoginToken, AResumeThatALogoutOvertakesIsRefused) {
  RacingUserStore racing(bench.users);
  TokenLogin slow(racing, {});
  racing.before_rotate = [&] { ASSERT_TRUE(bench.users.revoke_device(ann, DeviceId{42})); };
  wire::ResumeRequest message;
  message.set_device_token(device_token);
  set_device(*message.mutable_device());
  const EnvelopeHeader header;
  EXPECT_EQ(code_of(slow.by_device_token({header, message}, bench.moment).answer), Errc::refused);
}

TEST_F(LoginToken, FindsProfilesByNameAndId) {
  const UserId bob = bench.account("bob");
  wire::FindRequest request;
  request.add_names("ANN");
  request.add_names("nobody");
  request.add_names(std::string("n\0ul", 4));
  request.add_users(bob.value);
  request.add_users(0);
  request.add_users(~0ULL);
  const auto reply = bench.ask<wire::FindReply>(Verb::login_find, {.user = bob}, 0, request);
  ASSERT_TRUE(reply);
  ASSERT_EQ(reply->profiles_size(), 2);
  EXPECT_EQ(reply->profiles(0).user(), ann.value);
  EXPECT_EQ(reply->profiles(0).nickname(), "Ann");
  EXPECT_EQ(reply->profiles(1).name(), "bob");
}

TEST_F(LoginToken, FindsAtMostAHundredAtOnce) {
  wire::FindRequest request;
  for (int i = 0; i < 60; ++i) request.add_names("ann");
  for (int i = 0; i < 40; ++i) request.add_users(ann.value);
  EXPECT_TRUE(bench.ask<wire::FindReply>(Verb::login_find, {.user = ann}, 0, request));
  request.add_users(ann.value);
  EXPECT_EQ(code_of(bench.ask<wire::FindReply>(Verb::login_find, {.user = ann}, 0, request)),
            Errc::bad_request);
}

}  // namespace
}  // namespace parley::test
