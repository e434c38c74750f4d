// The example business systems of examples/, in Python and in Node: written from bus/README.md alone, over tcp with
// keys, against real brokers that are killed.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "bus/curve.h"
#include "bus/key_list.h"
#include "tests/e2e/people.h"
#include "tests/support/eventually.h"
#include "tests/support/outbox_worker.h"
#include "tests/support/program.h"

namespace parley::test {
namespace {

using testing::HasSubstr;

struct Language {
  const char* name;
  std::vector<std::string> command;
};

std::string source(const std::string& path) {
  return std::string(std::getenv("PARLEY_TEST_SOURCE")) + "/" + path;
}

Language python() {
  return {"python", {"/usr/bin/python3", "-B", source("examples/python/payroll.py")}};
}
Language node() { return {"node", {"/usr/bin/env", "node", source("examples/node/payroll.js")}}; }

class BusinessSystem : public testing::TestWithParam<Language (*)()> {
 protected:
  static void SetUpTestSuite() {
    // push and event are an OutboxWorker's, which tells what it was asked.
    cluster_ = std::make_unique<Cluster>(ClusterOptions{.brokers = 2,
                                                        .workers = 1,
                                                        .services = {"login", "c2c", "route"},
                                                        .business = true});
  }
  static void TearDownTestSuite() { cluster_.reset(); }
  void SetUp() override {
    ASSERT_TRUE(cluster_->ready());
    world_.emplace(*cluster_);
    alice_.emplace(*world_, unique_name("alice"));
    ASSERT_TRUE(alice_->sign_up());
  }

  // payroll WORDS… of the language, with the key in that file.
  std::unique_ptr<RunningProgram> start(const std::string& what, const std::string& name,
                                        const std::string& key_file,
                                        const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = GetParam()().command;
    words.insert(words.end(), {what, "--name", name, "--keys", key_file});
    for (const std::string& endpoint : cluster().business_endpoints())
      words.insert(words.end(), {"--broker", endpoint});
    words.insert(words.end(), more.begin(), more.end());
    return std::make_unique<RunningProgram>(
        words, std::vector<std::string>{"NODE_PATH=" PARLEY_NODE_MODULES});
  }
  std::string own_name() { return unique_name("payroll"); }

  // Asks until it is answered: a system that has just started is at no broker yet.
  Result<std::string> ask_until_answered(const std::string& text) {
    Result<std::string> answer = fail(Errc::no_service);
    const Instant deadline = monotonic_now() + soon;
    while (!answer && is_retryable(answer.error().code) && monotonic_now() < deadline) {
      answer = (*alice_)->ask_app("app.payroll", text, soon);
      client::run_until(world_->loop, 20ms, [] { return false; });
    }
    return answer;
  }
  bool turn_until(const std::function<bool()>& condition) {
    return client::run_until(world_->loop, 20s, condition);
  }

  std::vector<std::string> worker_endpoints() {
    std::vector<std::string> endpoints = cluster().broker_endpoints();
    for (std::string& endpoint : endpoints)
      endpoint.replace(endpoint.rfind(".gateways"), std::string::npos, ".workers");
    return endpoints;
  }

  Cluster& cluster() { return *cluster_; }
  World& world() { return *world_; }
  Device& alice() { return *alice_; }
  Loop& loop() { return world_->loop; }
  std::string logs() { return cluster().log("broker-1") + cluster().log("broker-2"); }

  static inline std::unique_ptr<Cluster> cluster_;

 private:
  std::optional<World> world_;
  std::optional<Device> alice_;
};

INSTANTIATE_TEST_SUITE_P(, BusinessSystem, testing::Values(&python, &node),
                         [](const auto& chosen) { return chosen.param().name; });

TEST_P(BusinessSystem, AnswersAUserWhoAsksItsAppAlsoAfterABrokersDeath) {
  Duration quickest = soon;
  for (int i = 0; i < 3; ++i) {
    const Instant asked = monotonic_now();
    const auto absent = alice()->ask_app("app.payroll", "wages?", soon);
    ASSERT_FALSE(absent);
    EXPECT_EQ(absent.error().code, Errc::no_service);
    quickest = std::min<Duration>(quickest, monotonic_now() - asked);
  }
  EXPECT_LT(quickest, 100ms) << "at once, not when somebody's patience ends";

  const std::string name = own_name();
  const auto payroll = start("serve", name, cluster().allow("business", name));
  const std::string user = std::to_string(alice().user().value);
  const auto answer = ask_until_answered("wages?");
  ASSERT_TRUE(answer) << name_of(answer.error().code) << "\n" << payroll->output();
  EXPECT_EQ(*answer, user + ": wages?") << "the user is the one that logged in";
  const auto refused = alice()->ask_app("app.payroll", "bonus", soon);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::not_found) << "the app's own word";

  for (const char* broker : {"broker-1", "broker-2"}) {
    cluster().kill9(broker);
    const auto after = ask_until_answered(broker);
    ASSERT_TRUE(after) << name_of(after.error().code) << "\n" << payroll->output();
    EXPECT_EQ(*after, user + ": " + broker);
    cluster().start(broker);
    ASSERT_TRUE(cluster().wait_ready());
    EXPECT_TRUE(ask_until_answered("again"));
  }
  payroll->process().signal(SIGTERM);
  EXPECT_TRUE(payroll->wait(soon).ok()) << payroll->output();
  EXPECT_TRUE(turn_until([&] {
    const auto gone = alice()->ask_app("app.payroll", "wages?", soon);
    return !gone && gone.error().code == Errc::no_service;
  }));
}

TEST_P(BusinessSystem, AnswersACommand) {
  const std::string name = own_name();
  const auto payroll = start("serve", name, cluster().allow("business", name));
  ASSERT_TRUE(ask_until_answered("are you there?"));
  const std::string password_file = cluster().data() + "/password-of-alice";
  std::ofstream(password_file) << Device::password;
  std::filesystem::permissions(password_file, std::filesystem::perms::owner_read);
  const auto ask = [&](const std::string& text) {
    return run_program({"parley", "ask", alice().name(), "app.payroll", text, "--gateway",
                        cluster().gateway(), "--pin", cluster().pin(), "--state",
                        cluster().data() + "/state"},
                       {"PARLEY_PASSWORD_FILE=" + password_file});
  };
  const Ran answered = ask("wages?");
  EXPECT_EQ(answered.code, 0);
  EXPECT_THAT(answered.output,
              HasSubstr(std::to_string(alice().user().value) + ": wages?\n"));
  EXPECT_EQ(ask("bonus").code, 1) << "refused for good";
  payroll->process().signal(SIGTERM);
  EXPECT_TRUE(payroll->wait(soon).ok());
  EXPECT_EQ(ask("wages?").code, 75) << "perhaps later";
}

TEST_P(BusinessSystem, WithoutAListedKeyOrTheRoleIsRefusedAndThatIsLogged) {
  const std::string name = own_name();
  const std::string revoked = cluster().allow("business", name);
  cluster().revoke(revoked);
  const auto unlisted = start("serve", name, revoked);
  const std::string gateway_name = own_name();
  const std::string gateway_key = cluster().allow("gateway", gateway_name);
  const auto gateway = start("serve", gateway_name, gateway_key);
  const auto impostor = start("serve", own_name(), cluster().allow("business", own_name()));
  // Refused for its role, for its name: each is told why, and the log says whose key it was.
  EXPECT_TRUE(gateway->says("refuses us: error 19", soon)) << gateway->output();
  EXPECT_TRUE(impostor->says("refuses us: error 19", soon)) << impostor->output();
  EXPECT_TRUE(eventually(soon, [&] {
    return logs().find("\"peer.key_refused\"") != std::string::npos;
  })) << logs();
  EXPECT_THAT(logs(), HasSubstr("\"peer.refused\""));
  for (const std::string& file : {revoked, gateway_key})
    EXPECT_THAT(logs(), HasSubstr(fingerprint(load_key_pair(file)->public_key)));
  const auto answer = alice()->ask_app("app.payroll", "wages?", soon);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::no_service);

  const Ran listed = run_program({"parley", "key", "allow", cluster().data() + "/keys/allowed_keys",
                                  "business", name, load_key_pair(revoked)->public_key});
  ASSERT_EQ(listed.code, 0) << listed.output;
  EXPECT_TRUE(ask_until_answered("wages?")) << "it has not given up\n" << unlisted->output();
}

TEST_P(BusinessSystem, PublishesStoredAndOnlineOnly) {
  OutboxWorker worker(loop(), worker_endpoints());
  const std::string name = own_name();
  const std::string key = cluster().allow("business", name);
  const std::string user = std::to_string(alice().user().value);
  for (const bool stored : {true, false}) {
    std::vector<std::string> more{"--user", user, "--user", "999", "pay day"};
    if (!stored) more.emplace_back("--online");
    const auto push = start("push", name, key, more);
    ASSERT_TRUE(turn_until([&] { return push->process().poll_exit().has_value(); }));
    EXPECT_TRUE(push->wait(soon).ok()) << push->output();
    EXPECT_THAT(push->output(), HasSubstr("receipt " + user + (stored ? " stored" : " sent")));
    ASSERT_FALSE(worker.pushes.empty());
    const wire::PublishRequest& asked = worker.pushes.back();
    EXPECT_EQ(asked.body(), "pay day");
    EXPECT_EQ(asked.publisher(), name);
    EXPECT_EQ(asked.publish_id().size(), 16U);
    EXPECT_EQ(asked.keep(), stored ? wire::KEEP_STORED : wire::KEEP_ONLINE_ONLY);
    EXPECT_EQ(asked.users_size(), 2);
  }
}

// The cursors that it has printed, in their order.
std::vector<std::uint64_t> cursors_in(const std::string& output) {
  std::vector<std::uint64_t> cursors;
  std::istringstream lines(output.substr(0, output.rfind('\n') + 1));
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("event ")) cursors.push_back(std::stoull(line.substr(6)));
  return cursors;
}

TEST_P(BusinessSystem, FollowsEveryMessageInOrderThroughItsOwnAndABrokersDeath) {
  OutboxWorker worker(loop(), worker_endpoints());
  const std::string name = own_name();
  const std::string key = cluster().allow("business", name);
  std::vector<std::uint64_t> seen;
  const auto follow = [&](std::uint64_t up_to, const std::function<void()>& halfway) {
    const auto system = start("follow", name, key);
    ASSERT_TRUE(turn_until([&] { return worker.knows(instance_id(name)); })) << system->output();
    while (worker.newest < up_to - 25) worker.add();
    ASSERT_TRUE(turn_until([&] { return !cursors_in(system->output()).empty(); }));
    halfway();
    while (worker.newest < up_to) worker.add();
    ASSERT_TRUE(turn_until([&] {
      const auto cursors = cursors_in(system->output());
      return !cursors.empty() && cursors.back() == up_to;
    })) << system->output();
    system->process().signal(SIGKILL);
    system->wait(soon);
    for (const std::uint64_t cursor : cursors_in(system->output())) seen.push_back(cursor);
  };
  follow(50, [] {});
  worker.add();  // while nobody is there
  follow(120, [&] { cluster().kill9("broker-1"); });
  cluster().start("broker-1");
  follow(200, [&] { cluster().kill9("broker-2"); });
  cluster().start("broker-2");
  ASSERT_TRUE(cluster().wait_ready());
  std::uint64_t next = 1;
  for (const std::uint64_t cursor : seen) {
    EXPECT_LE(cursor, next) << "something was left out";
    if (cursor == next) ++next;
  }
  EXPECT_EQ(next, 201U);
}

// The same against the services themselves.
class BusinessSystemLive : public BusinessSystem {
 protected:
  static void SetUpTestSuite() {
    cluster_ = std::make_unique<Cluster>(
        ClusterOptions{.brokers = 2, .workers = 2, .business = true});
  }

  // What `parley WORDS…` prints.
  std::string told(std::vector<std::string> words) {
    words.insert(words.begin(), "parley");
    for (const std::string& broker : cluster().broker_endpoints())
      words.insert(words.end(), {"--broker", broker});
    const Ran ran = run_program(words);
    EXPECT_EQ(ran.code, 0) << ran.output;
    return ran.output;
  }
  std::string story_of(const std::string& trace) { return told({"trace", trace}); }
};

// The traces that it has named, in their order.
std::vector<std::string> traces_in(const std::string& output) {
  constexpr std::string_view word = "trace ";
  std::vector<std::string> traces;
  for (auto at = output.find(word); at != std::string::npos; at = output.find(word, at + 1))
    traces.push_back(output.substr(at + word.size(), 16));
  return traces;
}

INSTANTIATE_TEST_SUITE_P(, BusinessSystemLive, testing::Values(&python, &node),
                         [](const auto& chosen) { return chosen.param().name; });

TEST_P(BusinessSystemLive, AStoredPushReachesTheUsersClient) {
  const std::string name = own_name();
  const std::string user = std::to_string(alice().user().value);
  const auto push =
      start("push", name, cluster().allow("business", name), {"--user", user, "pay day"});
  const auto entry = alice()->receive(soon);
  ASSERT_TRUE(entry) << push->output();
  EXPECT_EQ(entry->body, "pay day");
  EXPECT_NE(entry->sender, alice().user());
  EXPECT_TRUE(push->wait(soon).ok());
  EXPECT_THAT(push->output(), HasSubstr("receipt " + user + " stored 1"));
}

TEST_P(BusinessSystemLive, ATraceShowsItsPartOfWhatItServes) {
  const std::string name = own_name();
  const auto payroll = start("serve", name, cluster().allow("business", name));
  ASSERT_TRUE(ask_until_answered("wages?"));
  const auto refused = alice()->ask_app("app.payroll", "bonus", soon);
  ASSERT_FALSE(refused);
  const std::string user = std::to_string(alice().user().value);
  const auto traces = traces_in(payroll->output());
  ASSERT_EQ(traces.size(), 2U) << payroll->output();
  const std::string way =
      "\n.* gateway-1 +the gateway put it on the bus"
      "\n.* broker-[12] +a broker took it over"
      "\n.* broker-[12] +a broker sent it to one who serves it, attempt 1"
      "\n.* " + name + " +a business system received it, attempt 1"
      "\n.* " + name + " +a business system answered it, attempt 1";
  EXPECT_THAT(story_of(traces[0]),
              testing::MatchesRegex(traces[0] + ": app.request of user " + user +
                                    ", answered, .*" + way +
                                    "\n.* broker-[12] +a broker passed its answer on, attempt 1"
                                    "\n.* gateway-1 +the gateway handed its answer .*\n"));
  EXPECT_THAT(story_of(traces[1]),
              testing::MatchesRegex(traces[1] + ": app.request of user " + user +
                                    ", answered with not_found, .*" + way +
                                    ": not_found\n.* broker-.*\n.* gateway-1 .*\n"));
  EXPECT_THAT(told({"trace", "--user", user}), HasSubstr(traces[0] + "  app.request"));
}

TEST_P(BusinessSystemLive, ATraceShowsItsPartOfWhatItAsks) {
  const std::string name = own_name();
  const auto payroll = start("serve", name, cluster().allow("business", name));
  ASSERT_TRUE(ask_until_answered("slip"));
  const auto slip = alice()->receive(soon);
  ASSERT_TRUE(slip) << payroll->output();
  EXPECT_EQ(slip->body, "your wage slip");
  const auto traces = traces_in(payroll->output());
  ASSERT_EQ(traces.size(), 2U) << payroll->output();
  std::string story;
  EXPECT_TRUE(eventually(soon, [&] {
    story = story_of(traces[1]);
    return story.find("got its answer") != std::string::npos &&
           story.find("a gateway received what to tell") != std::string::npos;
  })) << story;
  EXPECT_THAT(story, testing::MatchesRegex(
                         traces[1] + ": push.publish, answered, .*"
                         "\n.* " + name + " +a business system asked it"
                         "\n.* broker-[12] +a broker took it over"
                         "\n.* broker-[12] +a broker sent it to one who serves it, attempt 1"
                         "\n.* worker-[12] +a worker received it, attempt 1"
                         "\n.* worker-[12] +a worker answered it, attempt 1"
                         "\n(.*\n)*.* broker-[12] +a broker passed its answer on, attempt 1"
                         "\n(.*\n)*.* " + name + " +the business system got its answer\n(.*\n)*"));
}

TEST_P(BusinessSystemLive, ATraceOfWhatSomebodyAskedWhoHasLeftIsToldByTheOthers) {
  const std::string name = own_name();
  const std::string user = std::to_string(alice().user().value);
  const auto push =
      start("push", name, cluster().allow("business", name), {"--user", user, "pay day"});
  EXPECT_TRUE(push->wait(soon).ok()) << push->output();
  const auto traces = traces_in(push->output());
  ASSERT_EQ(traces.size(), 1U) << push->output();
  const std::string story = story_of(traces[0]);
  EXPECT_THAT(story, HasSubstr(traces[0] + ": push.publish, answered, "));
  EXPECT_THAT(story, HasSubstr("a worker answered it, attempt 1\n"));
}

TEST_P(BusinessSystemLive, FollowsEveryMessageThatIsCommittedThroughDeaths) {
  Device bob(world(), unique_name("bob"));
  ASSERT_TRUE(bob.sign_up());
  const std::string name = own_name();
  const std::string key = cluster().allow("business", name);
  std::vector<std::string> expected;
  std::string printed;
  for (const char* victim : {"", "broker-1", "broker-2"}) {
    const auto follow = start("follow", name, key);
    ASSERT_TRUE(follow->says("follows events from", soon)) << follow->output();
    if (*victim != 0) cluster().kill9(victim);
    for (int i = 0; i < 20; ++i) {
      const std::string text = unique_name("message");
      ASSERT_TRUE(alice()->send(bob.user(), text, soon));
      expected.push_back(text);
    }
    ASSERT_TRUE(follow->says(expected.back(), 20s)) << follow->output();
    follow->process().signal(SIGKILL);
    follow->wait(soon);
    printed += follow->output();
    if (*victim != 0) cluster().start(victim);
    expected.push_back(unique_name("message"));  // while nobody is there
    ASSERT_TRUE(alice()->send(bob.user(), expected.back(), soon));
  }
  expected.pop_back();
  std::size_t at = 0;
  for (const std::string& text : expected) {
    const std::size_t found = printed.find(" " + text + "\n");
    ASSERT_NE(found, std::string::npos) << text << " is missing";
    EXPECT_GT(found, at) << text << " came before an older one";
    at = found;
  }
}

}  // namespace
}  // namespace parley::test
