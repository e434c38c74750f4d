// Ten times of each limit (RELIABILITY §4.1, "rate"): who is over it is told how long to wait, and who does not care is
// closed; nobody else has to wait.
#include "proto/c2c.pb.h"
#include "proto/login.pb.h"
#include "tests/e2e/bad_input/besieged_gateway.h"

namespace parley::test {
namespace {

// How often each outcome came, of `count` requests that were sent without waiting.
struct Tally {
  std::map<std::string, int> outcomes;
  int hints = 0;

  int operator[](const std::string& outcome) { return outcomes[outcome]; }
};

Tally pipelined(SocketClient& client, Verb verb, std::uint64_t target, int count,
                const std::function<std::string()>& body) {
  std::string bytes;
  for (int i = 0; i < count; ++i)
    bytes += client.channel().request(verb, 1'000 + static_cast<std::uint32_t>(i), body(), target);
  client.send(bytes);
  Tally tally;
  for (int answers = 0; answers < count;) {
    const auto frame = client.receive(3s);
    if (frame && frame->header.kind == FrameKind::notice) continue;
    const std::string outcome = outcome_of(frame);
    ++tally.outcomes[outcome];
    if (outcome == "rate_limited" && frame->retry_after_ms() > 0) ++tally.hints;
    if (outcome.starts_with("close")) break;
    ++answers;
  }
  return tally;
}

// One for each way to start a gateway, for all tests of the program: starting takes seconds.
std::map<std::vector<std::string>, std::unique_ptr<BesiegedGateway>>& gateways() {
  static std::map<std::vector<std::string>, std::unique_ptr<BesiegedGateway>> all;
  return all;
}
class EndOfGateways : public testing::Environment {
  void TearDown() override { gateways().clear(); }
};
const testing::Environment* const end_of_gateways =
    testing::AddGlobalTestEnvironment(new EndOfGateways);

class Rates : public testing::Test {
 protected:
  void start(const std::vector<std::string>& gateway_environment = {}) {
    ClusterOptions options = BesiegedGateway::by_default();
    options.workers = 1;
    for (const std::string& setting : gateway_environment)
      options.gateway_environment.push_back(setting);
    auto& own = gateways()[gateway_environment];
    if (own == nullptr) own = std::make_unique<BesiegedGateway>(options);
    gateway = own.get();
    ASSERT_TRUE(gateway->ready());
    alice = gateway->sign_up("alice");
    bob = gateway->sign_up("bob");
    conversation = direct_conversation(alice.user, bob.user).value;
  }
  void expect_others_served() {
    SocketClient client = gateway->at(bob);
    EXPECT_EQ(outcome(client, Verb::c2c_send, send_body("meanwhile"), conversation), "reply");
  }

  BesiegedGateway* gateway = nullptr;
  Account alice, bob;
  std::uint64_t conversation = 0;
};

TEST_F(Rates, OfFramesMessagesAndLookUpsAreHeldTenTimesOver) {
  start();
  const auto conversations = [] {
    wire::ConversationsRequest request;
    request.set_limit(1);
    return request.SerializeAsString();
  };
  {
    SocketClient client = gateway->at(alice);
    Tally frames = pipelined(client, Verb::c2c_conversations, 0, 400, conversations);
    EXPECT_GE(frames["reply"], 38);
    EXPECT_LE(frames["reply"], 45);
    EXPECT_EQ(frames["reply"] + frames["rate_limited"], 400);
    EXPECT_EQ(frames.hints, frames["rate_limited"]);
    // Who goes on for seconds, all the time told to wait, is sent away.
    const Instant start = monotonic_now();
    std::string last;
    while (!last.starts_with("close") && monotonic_now() - start < 15s)
      last = outcome(client, Verb::c2c_conversations, conversations());
    EXPECT_EQ(last, "close rate_limited");
  }
  expect_others_served();
}

TEST_F(Rates, OfAUserAreHeldOverAllConnections) {
  start({"PARLEY_LIMITS_FRAMES_PER_SECOND=0"});
  {
    SocketClient client = gateway->at(alice);
    Tally messages = pipelined(client, Verb::c2c_send, conversation, 300,
                               [] { return send_body("flood"); });
    EXPECT_GE(messages["reply"], 30);
    EXPECT_LE(messages["reply"], 40);
    EXPECT_EQ(messages["reply"] + messages["rate_limited"], 300);
    EXPECT_EQ(messages.hints, messages["rate_limited"]);
    Tally finds = pipelined(client, Verb::login_find, 0, 300, [] { return std::string(); });
    EXPECT_GE(finds["reply"], 30);
    EXPECT_LE(finds["reply"], 32);
    EXPECT_EQ(finds.hints, 300 - finds["reply"]);
  }
  expect_others_served();
}

TEST_F(Rates, OfUnansweredRequestsAreSixtyFourOfAHundred) {
  start({"PARLEY_LIMITS_FRAMES_PER_SECOND=0"});
  SocketClient client = gateway->at(alice);
  gateway->cluster().stop("worker-1");
  std::string bytes;
  for (std::uint32_t i = 0; i < 100; ++i)
    bytes += client.channel().request(Verb::c2c_pull, 1'000 + i, {}, conversation);
  ASSERT_TRUE(client.send(bytes));
  int refused = 0;
  for (; refused < 36; ++refused) {
    const auto frame = client.receive(1s);
    ASSERT_EQ(outcome_of(frame), "rate_limited") << refused;
    EXPECT_GT(frame->retry_after_ms(), 0U);
  }
  gateway->cluster().cont("worker-1");
  Tally rest;
  for (int i = 0; i < 64; ++i) ++rest.outcomes[outcome_of(client.receive(10s))];
  EXPECT_EQ(rest["bad_request"], 64) << "each is answered, once";
}

TEST_F(Rates, OfWrongPasswordsBindTheirAccountAndNobodyElses) {
  start();
  int looked_at = 0;
  int limited = 0;
  SocketClient client = gateway->connect();
  ASSERT_TRUE(client.shake_hands());
  for (int i = 0; i < 1'000 && limited < 100; ++i) {
    const auto frame = answer_to(client, Verb::login_password,
                                 password_body(alice.name, "guess " + std::to_string(i), alice));
    const std::string got = outcome_of(frame);
    if (got == "refused") ++looked_at;
    if (got == "rate_limited") {
      ++limited;
      EXPECT_GT(frame->retry_after_ms(), 0U);
    }
    if (got == "closed" || got.starts_with("close")) {
      client = gateway->connect();
      ASSERT_TRUE(client.shake_hands());
    }
  }
  EXPECT_GE(looked_at, 5);
  EXPECT_LE(looked_at, 12) << "after five the wait doubles each time";
  SocketClient right = gateway->connect();
  EXPECT_FALSE(gateway->log_in(right, alice)) << "not even the right one, from this network";
  expect_others_served();
}

TEST_F(Rates, OfConnectionsBindTheirAddress) {
  start();
  std::vector<SocketClient> silent;
  for (int i = 0; i < 60; ++i) silent.push_back(gateway->connect((127U << 24) | 77));
  int cut = 0;
  for (SocketClient& client : silent) cut += client.ended(5ms) ? 1 : 0;
  EXPECT_GE(cut, 40) << "twenty of one address may wait for their login";
  SocketClient another = gateway->connect((127U << 24) | 78);
  EXPECT_TRUE(gateway->log_in(another, bob));
}

}  // namespace
}  // namespace parley::test
