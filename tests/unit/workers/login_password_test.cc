#include "tests/unit/workers/bench.h"

namespace parley::test {
namespace {

constexpr std::uint64_t far_away = (1ULL << 32) | 0x0A000001;   // 10.0.0.1
constexpr std::uint64_t elsewhere = (1ULL << 32) | 0x0A000101;  // 10.0.1.1: another network
const std::string good = "correct horse battery";

struct LoginPassword : testing::Test {
  Bench bench;

  static wire::RegisterRequest signup(const std::string& name, const std::string& password = good) {
    wire::RegisterRequest request;
    request.set_name(name);
    request.set_password(password);
    return request;
  }
  static wire::PasswordRequest login(const std::string& name, const std::string& password) {
    wire::PasswordRequest request;
    request.set_name(name);
    request.set_password(password);
    request.mutable_device()->set_id(42);
    request.mutable_device()->set_device_class(wire::DEVICE_CLASS_MOBILE);
    return request;
  }
  Result<wire::RegisterReply> sign_up(const wire::RegisterRequest& request,
                                      std::uint64_t origin = far_away) {
    return bench.ask<wire::RegisterReply>(Verb::login_register, {.origin = origin}, 0, request);
  }
  Result<wire::LoginReply> log_in(const wire::PasswordRequest& request,
                                  std::uint64_t origin = far_away) {
    return bench.ask<wire::LoginReply>(Verb::login_password, {.origin = origin}, 0, request);
  }
};

TEST_F(LoginPassword, RegistersAndLogsIn) {
  const auto account = sign_up(signup("Ann"));
  ASSERT_TRUE(account);
  const auto reply = log_in(login("ann", good));
  ASSERT_TRUE(reply) << "names are compared regardless of case";
  EXPECT_EQ(reply->user(), account->user());
  EXPECT_EQ(reply->name(), "Ann");
  EXPECT_EQ(reply->nickname(), "Ann");
  EXPECT_EQ(reply->device_token().size(), 32u);
  EXPECT_EQ(reply->access_token().size(), 32u);
  EXPECT_EQ(reply->access_token_valid_ms(), 900'000u);
  EXPECT_EQ(reply->server_time_ms(), bench.moment.wall_ms);
  EXPECT_EQ(reply->limits().text_max(), 16'384u);
  EXPECT_EQ(reply->limits().page_max(), 200u);
}

TEST_F(LoginPassword, BindsTheSessionInTheReplysHeader) {
  const auto account = sign_up(signup("ann"));
  const auto answer = bench.ask_raw(
      Verb::login_password, {{.origin = far_away}, 0, login("ann", good).SerializeAsString()});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->flags, flag_binds_session);
  EXPECT_EQ(answer->user.value, account->user());
  EXPECT_EQ(answer->device, DeviceId{42});
  EXPECT_EQ(answer->generation, Generation{1});
  EXPECT_EQ(answer->target, static_cast<std::uint64_t>(wire::DEVICE_CLASS_MOBILE));
}

TEST_F(LoginPassword, TellsAllGatewaysThatOlderSessionsOfTheClassAreOver) {
  ASSERT_TRUE(sign_up(signup("ann")));
  ASSERT_TRUE(log_in(login("ann", good)));
  ASSERT_TRUE(log_in(login("ann", good)));
  ASSERT_EQ(bench.deliveries.size(), 1u);
  EXPECT_EQ(bench.deliveries[0].notice, Notice::login_replaced);
  EXPECT_EQ(bench.deliveries[0].reach, Reach::every_gateway);
  wire::SessionReplaced notice;
  ASSERT_TRUE(notice.ParseFromString(bench.deliveries[0].body));
  EXPECT_EQ(notice.device_class(), wire::DEVICE_CLASS_MOBILE);
  EXPECT_EQ(notice.generation(), 2u);
}

TEST_F(LoginPassword, StoresNeitherPasswordNorTokens) {
  ASSERT_TRUE(sign_up(signup("ann")));
  const auto reply = log_in(login("ann", good));
  const auto& user = bench.database->users.begin()->second;
  EXPECT_EQ(user.account.password_hash.find(good), std::string::npos);
  EXPECT_TRUE(user.account.password_hash.starts_with("$argon2id$"));
  const DeviceRecord& device = user.devices.at(DeviceId{42});
  const auto as_string = [](const auto& bytes) { return std::string(bytes.begin(), bytes.end()); };
  EXPECT_NE(as_string(device.device_token), reply->device_token());
  EXPECT_NE(as_string(device.access_token), reply->access_token());
  EXPECT_NE(as_string(device.rotation_key), reply->device_token());
}

TEST_F(LoginPassword, UnknownNameAndWrongPasswordLookAndCostTheSame) {
  ASSERT_TRUE(sign_up(signup("ann")));
  const auto wrong = log_in(login("ann", "wrong password"));
  const auto unknown = log_in(login("nobody", "wrong password"));
  EXPECT_EQ(code_of(wrong), Errc::refused);
  EXPECT_EQ(code_of(unknown), Errc::refused);
  EXPECT_EQ(wrong.error().detail, unknown.error().detail);
  ASSERT_EQ(bench.hasher.verified.size(), 2u) << "one hash each";
  EXPECT_EQ(bench.hasher.verified[1], bench.hasher.nobodys_hash());
  // The same cost parameters: "$argon2id$v=19$m=8,t=1,p=1".
  EXPECT_EQ(bench.hasher.verified[0].substr(0, 26), bench.hasher.verified[1].substr(0, 26));
}

TEST_F(LoginPassword, NobodysHashFitsNoPassword) {
  for (const char* guess : {"", "password", "nobody"})
    EXPECT_EQ(code_of(log_in(login("ghost", guess), 0)), Errc::refused);
}

TEST_F(LoginPassword, FiveFailuresSlowDownOneNetworkOnly) {
  ASSERT_TRUE(sign_up(signup("ann")));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(code_of(log_in(login("ann", "wrong one"))), Errc::refused);
  const auto hashed = bench.hasher.verified.size();
  const auto limited = log_in(login("ann", good));
  EXPECT_EQ(code_of(limited), Errc::rate_limited);
  EXPECT_NEAR(limited.error().retry_after_ms, 1'000, 1);
  EXPECT_EQ(bench.hasher.verified.size(), hashed) << "no hashing for those who have to wait";
  EXPECT_TRUE(log_in(login("ann", good), elsewhere)) << "a stranger cannot lock her out";
  bench.pass(1s);
  EXPECT_TRUE(log_in(login("ann", good)));
}

TEST_F(LoginPassword, RightPasswordsAreBoundPerNetworkToo) {
  ASSERT_TRUE(sign_up(signup("ann")));
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(log_in(login("ann", good))) << i;
  const auto hashed = bench.hasher.verified.size();
  const auto limited = log_in(login("ann", good));
  EXPECT_EQ(code_of(limited), Errc::rate_limited);
  EXPECT_NEAR(limited.error().retry_after_ms, 6'000, 1) << "600 an hour";
  EXPECT_EQ(bench.hasher.verified.size(), hashed) << "refused before it costs a hash";
  EXPECT_TRUE(log_in(login("ann", good), elsewhere));
  bench.pass(6s);
  EXPECT_TRUE(log_in(login("ann", good)));
  EXPECT_EQ(code_of(log_in(login("ann", good))), Errc::rate_limited);
}

TEST_F(LoginPassword, ThisHostAndAnUnboundServerTakeAnyNumberOfLogins) {
  ASSERT_TRUE(sign_up(signup("ann")));
  constexpr std::uint64_t loopback = (1ULL << 32) | 0x7F000001;
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(log_in(login("ann", good), loopback)) << i;
  bench.login.logins_per_hour = 0;
  bench.restart();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(log_in(login("ann", good))) << i;
}

TEST_F(LoginPassword, UnknownNamesAreSlowedDownLikeKnownOnes) {
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(code_of(log_in(login("ghost", "wrong one"))), Errc::refused);
  EXPECT_EQ(code_of(log_in(login("GHOST", "wrong one"))), Errc::rate_limited);
}

TEST_F(LoginPassword, ADatabaseThatIsAwayIsNobodysFailure) {
  ASSERT_TRUE(sign_up(signup("ann")));
  for (int i = 0; i < 9; ++i) {
    bench.database->set_faults({.fail_calls = 1});
    EXPECT_EQ(code_of(log_in(login("ann", good))), Errc::retry_later);
  }
  EXPECT_TRUE(log_in(login("ann", good)));
}

TEST_F(LoginPassword, RehashesWhenTheCostWasChanged) {
  const auto cheaper = Argon2idHasher::make({.operations = 2, .memory_kib = 8});
  ASSERT_TRUE(bench.users.create_account(
      {.name = "old", .nickname = "old", .password_hash = *cheaper->hash(good)}));
  ASSERT_TRUE(log_in(login("old", good)));
  const std::string stored = bench.database->users.begin()->second.account.password_hash;
  EXPECT_EQ(bench.hasher.verify(stored, good), PasswordHasher::Verdict::match);
}

TEST_F(LoginPassword, NeedsADeviceThatItKnows) {
  ASSERT_TRUE(sign_up(signup("ann")));
  auto request = login("ann", good);
  request.mutable_device()->set_id(0);
  EXPECT_EQ(code_of(log_in(request)), Errc::bad_request);
  request = login("ann", good);
  request.mutable_device()->clear_device_class();
  EXPECT_EQ(code_of(log_in(request)), Errc::bad_request);
  request.mutable_device()->set_device_class(wire::DeviceClass(9));
  EXPECT_EQ(code_of(log_in(request)), Errc::bad_request);
  request.clear_device();
  EXPECT_EQ(code_of(log_in(request)), Errc::bad_request);
}

TEST_F(LoginPassword, RefusesPasswordsBeyondTheLimit) {
  EXPECT_EQ(code_of(log_in(login("ann", std::string(1'025, 'x')))), Errc::bad_request);
}

TEST_F(LoginPassword, NamesAreTakenOnce) {
  ASSERT_TRUE(sign_up(signup("ann")));
  EXPECT_EQ(code_of(sign_up(signup("ANN"))), Errc::conflict);
}

TEST_F(LoginPassword, ARepeatedRegistrationGetsTheAnswerOfTheFirst) {
  const auto again = [&](const std::string& name, const std::string& password) {
    return bench.ask_raw(Verb::login_register, {.session = {.origin = far_away},
                                                .body = signup(name, password).SerializeAsString(),
                                                .attempt = 2});
  };
  const auto first = sign_up(signup("ann"));
  ASSERT_TRUE(first);
  EXPECT_EQ(code_of(sign_up(signup("ann"))), Errc::conflict) << "her own mistake: not repeated";
  bench.restart();
  const auto answer = again("ann", good);
  ASSERT_TRUE(answer) << answer.error().detail;
  wire::RegisterReply reply;
  ASSERT_TRUE(reply.ParseFromString(answer->body));
  EXPECT_EQ(reply.user(), first->user());
  EXPECT_EQ(bench.database->users.size(), 1u);
  EXPECT_TRUE(again("bob", good)) << "the first worker may not have come so far";

  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(code_of(again("ann", "another password")), Errc::conflict) << "somebody else's name";
  const auto hashed = bench.hasher.verified.size();
  EXPECT_EQ(code_of(again("ann", good)), Errc::conflict);
  EXPECT_EQ(bench.hasher.verified.size(), hashed) << "guesses are slowed down as at a login";
}

TEST_F(LoginPassword, RegistrationFollowsTheRules) {
  EXPECT_EQ(code_of(sign_up(signup(""))), Errc::bad_request);
  EXPECT_EQ(code_of(sign_up(signup("tab\tname"))), Errc::bad_request);
  EXPECT_EQ(code_of(sign_up(signup("ann", "short"))), Errc::bad_request);
  auto request = signup("ann");
  request.set_nickname(std::string(129, 'n'));
  EXPECT_EQ(code_of(sign_up(request)), Errc::bad_request);
  request.set_nickname("Ännchen 😀");
  EXPECT_TRUE(sign_up(request));
}

TEST_F(LoginPassword, RegistrationCanBeSwitchedOff) {
  Bench closed(LoginOptions{.registration = false});
  EXPECT_EQ(code_of(closed.ask<wire::RegisterReply>(Verb::login_register, {}, 0, signup("ann"))),
            Errc::refused);
}

TEST_F(LoginPassword, RegistrationsOfOneNetworkAreBounded) {
  Bench strict(LoginOptions{.registrations_per_hour = 2});
  const auto sign = [&](const std::string& name, std::uint64_t origin) {
    return strict.ask<wire::RegisterReply>(Verb::login_register, {.origin = origin}, 0,
                                           signup(name));
  };
  EXPECT_TRUE(sign("name-1", far_away));
  EXPECT_TRUE(sign("name-2", far_away));
  EXPECT_EQ(code_of(sign("name-3", far_away)), Errc::rate_limited);
  EXPECT_TRUE(sign("name-3", elsewhere));
  EXPECT_TRUE(sign("name-4", 0)) << "this host";
  strict.pass(31min);
  EXPECT_TRUE(sign("name-5", far_away));
}

}  // namespace
}  // namespace parley::test
