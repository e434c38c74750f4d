#include "tests/e2e/bad_input/besieged_gateway.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/error.h"
#include "base/random.h"
#include "base/utf8.h"
#include "client/address.h"
#include "proto/c2c.pb.h"
#include "proto/protobuf_log.h"

namespace parley::test {
namespace {

constexpr std::size_t files_growth_max = 3;

const std::vector<std::string> besieged = {"gateway-1", "broker-1", "broker-2", "worker-1"};

std::uint16_t port_of(const std::string& endpoint) {
  std::uint16_t port = 0;
  const std::size_t colon = endpoint.rfind(':') + 1;
  std::from_chars(endpoint.data() + colon, endpoint.data() + endpoint.size(), port);
  return port;
}

// What a terminal obeys, or what makes a reader see another order than is written.
bool is_harmless(std::string_view line) {
  while (!line.empty()) {
    const auto point = first_code_point(line);
    if (!point || is_control(point->value) || is_bidi_control(point->value)) return false;
    line.remove_prefix(point->bytes);
  }
  return true;
}

struct Siege {
  explicit Siege(const ClusterOptions& options) : gateway(options) {}
  BesiegedGateway gateway;
  Account alice;
  Account bob;
  std::map<std::string, std::int64_t> pids;
  std::map<std::string, std::size_t> logs_seen;  // so many bytes of each
};
std::unique_ptr<Siege>& siege() {
  static std::unique_ptr<Siege> the_one;
  return the_one;
}

}  // namespace

std::string outcome_of(const std::optional<GotFrame>& frame) {
  if (!frame) return "closed";
  switch (frame->header.kind) {
    case FrameKind::reply:
      return "reply";
    case FrameKind::error:
      return std::string(name_of(static_cast<Errc>(frame->code())));
    case FrameKind::close:
      if (frame->body.empty()) return "close";
      return "close " + std::string(name_of(static_cast<Errc>(frame->code())));
    default:
      return "a frame of kind " + std::to_string(static_cast<int>(frame->header.kind));
  }
}

std::optional<GotFrame> answer_to(SocketClient& client, std::uint16_t verb, std::string_view body,
                                  std::uint64_t target) {
  auto frame = client.ask(static_cast<Verb>(verb), body, target);
  while (frame && frame->header.kind == FrameKind::notice) frame = client.receive();
  return frame;
}

std::optional<GotFrame> answer_to(SocketClient& client, Verb verb, std::string_view body,
                                  std::uint64_t target) {
  return answer_to(client, static_cast<std::uint16_t>(verb), body, target);
}

std::string password_body(const std::string& name, const std::string& password,
                          const Account& account) {
  wire::PasswordRequest request;
  request.set_name(name);
  request.set_password(password);
  request.mutable_device()->set_id(account.device.value);
  request.mutable_device()->set_device_class(account.device_class);
  return request.SerializeAsString();
}

std::string send_body(const std::string& text, const std::string& client_id) {
  wire::SendRequest request;
  request.set_client_id(client_id.empty() ? fmt::format("{:016x}", secure_random_id()) : client_id);
  request.set_kind(wire::MESSAGE_KIND_TEXT);
  request.set_body(text);
  return request.SerializeAsString();
}

// -- the besieged

ClusterOptions BesiegedGateway::by_default() {
  return {.worker_environment = {"PARLEY_LOGIN_HASH_MEMORY_KIB=8", "PARLEY_LOGIN_HASH_OPERATIONS=1",
                                 "PARLEY_LOGIN_REGISTRATIONS_PER_HOUR=0"},
          .gateway_environment = {"PARLEY_METRICS_LISTEN=127.0.0.1:0"}};
}

ClusterOptions BesiegedGateway::without_rates() {
  ClusterOptions options = by_default();
  for (const char* name : {"PER_ORIGIN_MAX", "PER_ORIGIN_PRE_AUTH_MAX", "PER_ORIGIN_PER_SECOND",
                           "FRAMES_PER_SECOND", "MESSAGES_PER_SECOND", "FINDS_PER_MINUTE"})
    options.gateway_environment.push_back(fmt::format("PARLEY_LIMITS_{}=0", name));
  return options;
}

BesiegedGateway::BesiegedGateway(const ClusterOptions& options) : cluster_(options) {
  init_crypto();
  silence_protobuf();
  if (!cluster_.ready()) return;
  port_ = port_of(cluster_.gateway());
  const PinnedKey pin = client::parse_pin(cluster_.pin()).value();
  pin_ = {.id = pin.id, .public_key = pin.key, .secret_key = {}};
  EXPECT_TRUE(cluster_.wait_ready());
}

SocketClient BesiegedGateway::shaken() {
  SocketClient client = connect();
  EXPECT_TRUE(client.shake_hands());
  return client;
}

Account BesiegedGateway::sign_up(const std::string& stem) {
  Account account{.name = fmt::format("{}-{:010x}", stem, secure_random_id() >> 24),
                  .user = {},
                  .device = DeviceId{secure_random_id()},
                  .device_token = {},
                  .access_token = {}};
  SocketClient client = shaken();
  wire::RegisterRequest request;
  request.set_name(account.name);
  request.set_password(password);
  EXPECT_EQ(outcome(client, Verb::login_register, request.SerializeAsString()), "reply");
  SocketClient second = connect();
  EXPECT_TRUE(log_in(second, account));
  return account;
}

namespace {

bool keep_login(const std::optional<GotFrame>& frame, Account& account) {
  wire::LoginReply reply;
  if (outcome_of(frame) != "reply" || !reply.ParseFromString(frame->body)) return false;
  account.user = UserId{reply.user()};
  account.access_token = reply.access_token();
  if (!reply.device_token().empty()) account.device_token = reply.device_token();
  return true;
}

}  // namespace

bool BesiegedGateway::log_in(SocketClient& client, Account& account) {
  return client.shake_hands() &&
         keep_login(answer_to(client, Verb::login_password,
                              password_body(account.name, password, account)),
                    account);
}

bool BesiegedGateway::log_in_quickly(SocketClient& client, Account& account) {
  wire::TokenRequest request;
  request.set_access_token(account.access_token);
  request.mutable_device()->set_id(account.device.value);
  request.mutable_device()->set_device_class(account.device_class);
  return client.shake_hands() &&
         keep_login(answer_to(client, Verb::login_token, request.SerializeAsString()), account);
}

SocketClient BesiegedGateway::at(Account& account) {
  SocketClient client = connect();
  EXPECT_TRUE(log_in(client, account)) << account.name;
  return client;
}

std::map<std::string, std::int64_t> BesiegedGateway::pids() {
  std::map<std::string, std::int64_t> pids;
  for (const std::string& name : besieged) pids[name] = cluster_.pid(name);
  return pids;
}

std::size_t BesiegedGateway::memory() {
  std::ifstream file(fmt::format("/proc/{}/statm", cluster_.pid("gateway-1")));
  std::size_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

std::size_t BesiegedGateway::open_files() {
  const auto files = std::filesystem::directory_iterator(
      fmt::format("/proc/{}/fd", cluster_.pid("gateway-1")));
  return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

// -- the tests

void BadClient::SetUpTestSuite() {
  if (siege() != nullptr) return;
  ClusterOptions options = BesiegedGateway::without_rates();
  options.workers = 1;  // its throttles count alone
  options.business = true;
  siege() = std::make_unique<Siege>(options);
  if (!siege()->gateway.ready()) return;
  siege()->alice = siege()->gateway.sign_up("alice");
  siege()->bob = siege()->gateway.sign_up("bob");
  siege()->pids = siege()->gateway.pids();
}

// One for all suites of a program; its end is the program's.
void BadClient::TearDownTestSuite() {}
class EndOfSiege : public testing::Environment {
  void TearDown() override { siege().reset(); }
};
const testing::Environment* const end_of_siege =
    testing::AddGlobalTestEnvironment(new EndOfSiege);

BesiegedGateway& BadClient::gateway() { return siege()->gateway; }
Account& BadClient::alice() { return siege()->alice; }
Account& BadClient::bob() { return siege()->bob; }
std::uint64_t BadClient::conversation() {
  return direct_conversation(alice().user, bob().user).value;
}

void BadClient::SetUp() {
  ASSERT_TRUE(gateway().ready());
  expect_served();
  EXPECT_TRUE(eventually(5s, [&] {
    return gateway().cluster().metric("gateway-1", "parley_gateway_connections") == 0;
  }));
  memory_before_ = gateway().memory();
  files_before_ = gateway().open_files();
}

void BadClient::expect_served() {
  SocketClient client = gateway().connect();
  ASSERT_TRUE(gateway().log_in(client, bob())) << "nobody can log in any more";
  EXPECT_EQ(outcome(client, Verb::c2c_send, send_body("still here?"), conversation()), "reply");
}

void BadClient::TearDown() {
  expect_served();
  EXPECT_EQ(gateway().pids(), siege()->pids) << "a process has died";
  EXPECT_TRUE(eventually(10s, [&] {
    return gateway().cluster().metric("gateway-1", "parley_gateway_connections") == 0;
  })) << "connections stay when everybody has left";
  EXPECT_TRUE(eventually(5s, [&] {
    return gateway().open_files() <= files_before_ + files_growth_max;
  })) << files_before_ << " files, now " << gateway().open_files();
  EXPECT_LE(gateway().memory(), memory_before_ + memory_growth_max);
  expect_harmless_logs();
}

void BadClient::expect_harmless_logs() {
  for (const std::string& name : besieged) {
    const std::string log = gateway().cluster().log(name);
    std::istringstream lines(log.substr(std::exchange(siege()->logs_seen[name], log.size())));
    for (std::string line; std::getline(lines, line);) {
      EXPECT_TRUE(nlohmann::json::parse(line, nullptr, false).is_object()) << name << ": " << line;
      EXPECT_TRUE(is_harmless(line)) << name << ": " << testing::PrintToString(line);
    }
  }
}

}  // namespace parley::test
