// What operators do while people talk: look, drain, follow a request.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "base/process.h"
#include "tests/e2e/people.h"
#include "tests/support/eventually.h"
#include "tests/support/program.h"

namespace parley::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr Duration recovery = 30s;

class OperatorTest : public PeopleTest {
 protected:
  // `parley WORDS…`, told which brokers to ask.
  std::vector<std::string> command(std::vector<std::string> words) {
    words.insert(words.begin(), "parley");
    for (const std::string& broker : cluster().broker_endpoints())
      words.insert(words.end(), {"--broker", broker});
    return words;
  }
  Ran parley(const std::vector<std::string>& words) { return run_program(command(words)); }

  // Runs it while alice goes on sending; returns how it ended.
  Ran parley_under_traffic(const std::vector<std::string>& words, std::vector<std::string>& sent) {
    RunningProgram program(command(words));
    alice()->run_until(recovery, [&] {
      if (alice().client().unacknowledged() < 20) {
        sent.push_back(std::to_string(sent.size()));
        EXPECT_TRUE(alice().client().send(conversation(), sent.back()));
      }
      program.output();
      return program.process().poll_exit().has_value() && sent.size() >= 20;
    });
    const Exit exit = program.wait(1s);
    return {exit.code, program.output()};
  }
  void expect_all_arrived(const std::vector<std::string>& sent) {
    ASSERT_TRUE(
        alice()->run_until(recovery, [&] { return alice().client().unacknowledged() == 0; }));
    ASSERT_TRUE(bob()->run_until(recovery, [&] { return bob()->entries().size() >= sent.size(); }));
    ASSERT_EQ(bob()->entries().size(), sent.size());
    for (std::size_t i = 0; i < sent.size(); ++i) ASSERT_EQ(bob()->entries()[i].body, sent[i]);
  }

  void bring_back(const std::string& name) {
    EXPECT_TRUE(eventually(recovery, [&] { return !cluster().is_running(name); }));
    cluster().start(name);
    EXPECT_TRUE(cluster().wait_ready());
  }
};

// The words of each line.
std::vector<std::vector<std::string>> table_of(const std::string& text) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    rows.push_back({std::istream_iterator<std::string>(words), {}});
  }
  return rows;
}

TEST_F(OperatorTest, FollowsAMessageThroughAllProcesses) {
  ASSERT_TRUE(alice()->send(bob().user(), "hello", soon));
  const Ran latest = parley({"trace", "--user", std::to_string(alice().user().value)});
  ASSERT_EQ(latest.code, 0) << latest.output;
  std::string trace;
  for (const auto& row : table_of(latest.output))
    if (row.size() > 2 && row[2] == "c2c.send") trace = row[1];
  ASSERT_EQ(trace.size(), 16u) << latest.output;

  std::string story;
  const auto tells = [&](const char* what) { return story.find(what) != std::string::npos; };
  EXPECT_TRUE(eventually(soon, [&] {
    story = parley({"trace", trace}).output;
    return tells("handed its answer") && tells("a gateway received");
  })) << story;
  EXPECT_THAT(story, HasSubstr(trace + ": c2c.send of user " +
                               std::to_string(alice().user().value) + ", answered, "));
  const std::string_view once = "the gateway put it on the bus";
  EXPECT_EQ(story.find(once), story.rfind(once)) << "of one request\n" << story;
  const auto told_in_order = [&](const std::string& last_lines) {
    return testing::ContainsRegex("the gateway put it on the bus(.*\n)*"
                                  ".* broker-[12] +a broker took it over\n(.*\n)*"
                                  ".* broker-[12] +a broker sent it to one who serves it, attempt 1"
                                  "\n(.*\n)*" + last_lines);
  };
  EXPECT_THAT(story, told_in_order(".* worker-[12] +a worker received it, attempt 1\n(.*\n)*"
                                   ".* worker-[12] +a worker answered it, attempt 1\n(.*\n)*"
                                   ".* broker-[12] +a broker passed its answer on, attempt 1\n"
                                   "(.*\n)*"
                                   ".* gateway-1 +the gateway handed its answer to the client"));
  EXPECT_THAT(story, told_in_order(".* worker-[12] +a worker received it, attempt 1\n(.*\n)*"
                                   ".* broker-[12] +a broker sent a gateway what to tell"
                                   ".*\n(.*\n)*"
                                   ".* gateway-1 +a gateway received what to tell"));
}

TEST_F(OperatorTest, TraceThatNobodyRemembersIsSaid) {
  const Ran unknown = parley({"trace", "00000000000000aa"});
  EXPECT_EQ(unknown.code, exit_runtime);
  EXPECT_THAT(unknown.output, HasSubstr("nobody remembers 00000000000000aa"));
  EXPECT_EQ(parley({"trace", "hello"}).code, exit_usage);
  EXPECT_EQ(parley({"trace"}).code, exit_usage);
  EXPECT_EQ(parley({"trace", "--user", "2000000000"}).code, exit_runtime);
}

TEST_F(OperatorTest, TraceSaysWhoDidNotAnswer) {
  ASSERT_TRUE(alice()->send(bob().user(), "hello", soon));
  cluster().stop("broker-2");
  const Ran latest = parley({"trace", "--user", std::to_string(alice().user().value)});
  cluster().cont("broker-2");
  EXPECT_EQ(latest.code, 0);
  EXPECT_THAT(latest.output, HasSubstr("broker-2.gateways does not answer"));
  EXPECT_THAT(latest.output, HasSubstr("c2c.send"));
  EXPECT_TRUE(cluster().wait_ready());
}

TEST_F(OperatorTest, DrainedWorkerLosesNothing) {
  std::vector<std::string> sent;
  cluster().expect_exit("worker-1");
  const Ran drained = parley_under_traffic({"drain", "worker-1", "--wait"}, sent);
  EXPECT_EQ(drained.code, 0) << drained.output;
  EXPECT_THAT(drained.output, HasSubstr("worker-1 was told to drain by broker-1, broker-2\n"));
  EXPECT_THAT(drained.output, HasSubstr("worker-1 has drained\n"));
  expect_all_arrived(sent);

  const Ran last = parley({"drain", "worker-2"});
  EXPECT_EQ(last.code, exit_runtime);
  EXPECT_THAT(last.output, HasSubstr("worker-2 is the last of: service login"));
  EXPECT_TRUE(cluster().is_running("worker-2"));
  bring_back("worker-1");
}

TEST_F(OperatorTest, DrainedBrokerLosesNothing) {
  std::vector<std::string> sent;
  cluster().expect_exit("broker-1");
  const Ran drained = parley_under_traffic({"drain", "broker-1", "--wait"}, sent);
  EXPECT_EQ(drained.code, 0) << drained.output;
  EXPECT_THAT(drained.output, HasSubstr("broker-1 has drained\n"));
  expect_all_arrived(sent);
  EXPECT_THAT(parley({"drain", "broker-2"}).output,
              HasSubstr("broker-2 is the last of: brokers"));
  bring_back("broker-1");
}

TEST_F(OperatorTest, DrainedGatewayIsComeBackTo) {
  const Ran last = parley({"drain", "gateway-1"});
  EXPECT_EQ(last.code, exit_runtime);
  EXPECT_THAT(last.output, HasSubstr("gateway-1 is the last of: gateways"));
  cluster().expect_exit("gateway-1");
  std::vector<std::string> sent;
  const Ran drained = parley_under_traffic({"drain", "gateway-1", "--force", "--wait"}, sent);
  EXPECT_EQ(drained.code, 0) << drained.output;
  bring_back("gateway-1");
  expect_all_arrived(sent);
}

TEST_F(OperatorTest, DrainOfSomebodyUnknownIsSaid) {
  const Ran ran = parley({"drain", "worker-9", "--wait"});
  EXPECT_EQ(ran.code, exit_runtime);
  EXPECT_THAT(ran.output, HasSubstr("no broker knows worker-9"));
}

TEST_F(OperatorTest, TopInAPipeIsPlainText) {
  ASSERT_TRUE(alice()->send(bob().user(), "hello", soon));
  const Ran top = parley({"top", "--count", "2"});
  EXPECT_EQ(top.code, 0);
  EXPECT_THAT(top.output, HasSubstr("2 brokers, 1 gateway, 2 workers; "));
  EXPECT_THAT(top.output, HasSubstr("\nc2c "));
  EXPECT_THAT(top.output, HasSubstr("\nworker-2 "));
  EXPECT_THAT(top.output, Not(HasSubstr("\x1b")));
  EXPECT_NE(top.output.find("2 brokers"), top.output.rfind("2 brokers")) << "two pictures";
}

TEST_F(OperatorTest, TopSaysFirstWhichBrokerDoesNotAnswer) {
  cluster().kill9("broker-2");
  const Ran top = parley({"top", "--once"});
  EXPECT_EQ(top.code, exit_runtime);
  EXPECT_THAT(table_of(top.output).at(1).at(0), "!");
  EXPECT_THAT(top.output, HasSubstr("broker-2.gateways does not answer"));
  cluster().start("broker-2");
  EXPECT_TRUE(cluster().wait_ready());
}

TEST_F(OperatorTest, StatusOfRealBrokersIsComplete) {
  ASSERT_TRUE(alice()->send(bob().user(), "hello", soon));
  const auto status = nlohmann::json::parse(parley({"status", "--json"}).output);
  std::uint64_t answered = 0;
  for (const auto& broker : status["brokers"]) {
    EXPECT_EQ(broker["peers"].size(), 3u);
    EXPECT_EQ(broker["parked"], 0);
    for (const auto& service : broker["services"])
      if (service["name"] == "c2c") answered += service["answered"].get<std::uint64_t>();
    for (const auto& peer : broker["peers"]) {
      const bool is_gateway = peer["role"] == "gateway";
      EXPECT_GT(peer[is_gateway ? "delivery_messages" : "credit_messages"], 0) << peer;
      EXPECT_NE(peer["boot"], "0000000000000000");
    }
  }
  EXPECT_GT(answered, 0u);
}

TEST_F(OperatorTest, CommandsSayWhichBrokersTheyNeed) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"parley", "status"}, {"parley", "top"},
        {"parley", "drain", "worker-1"}, {"parley", "poison", "list"}, {"parley", "trace", "1"}}) {
    const Ran ran = run_program(words);
    EXPECT_EQ(ran.code, exit_usage);
    EXPECT_THAT(ran.output, HasSubstr("--data or --broker is needed"));
  }
}

}  // namespace
}  // namespace parley::test
