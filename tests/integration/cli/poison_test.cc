// `parley poison` against a real broker: its workers and its gateway are objects on the test's loop, so that
// they can die of a request.
#include <gmock/gmock.h>

#include "base/process.h"
#include "tests/integration/bus/rig.h"
#include "tests/support/program.h"

namespace parley::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class PoisonTest : public testing::Test {
 protected:
  void SetUp() override {
    broker_ = rig_.start_broker("broker-1");
    asker_ = std::make_unique<Asker>(rig_.loop, rig_.metrics, "gateway-1",
                                     std::vector{rig_.gateway_endpoint("broker-1")});
    ASSERT_TRUE(run_until(rig_.loop, soon, [&] { return asker_->connects == 1; }));
  }

  std::unique_ptr<EchoWorker> worker(const std::string& name) {
    return std::make_unique<EchoWorker>(rig_.loop, rig_.metrics, name,
                                        std::vector{rig_.worker_endpoint("broker-1")});
  }

  // Three workers die of it.
  void poison(const std::string& body) {
    const std::size_t errors = asker_->errors.size();
    const auto number = asker_->ask(7, body);
    for (int life = 1; asker_->answers[number] == 0 && life <= 10; ++life) {
      auto victim = worker("victim-" + std::to_string(++lives_));
      victim->holds = true;
      EXPECT_TRUE(run_until(rig_.loop, soon, [&] {
        return !victim->held.empty() || asker_->answers[number] > 0;
      }));
    }
    ASSERT_EQ(asker_->errors.size(), errors + 1);
    EXPECT_EQ(asker_->errors.back(), Errc::internal);
  }

  // Runs the command to its end while the loop turns.
  Ran parley(std::vector<std::string> words) {
    words.insert(words.begin(), "parley");
    words.insert(words.end(), {"--broker", rig_.gateway_endpoint("broker-1")});
    RunningProgram program(words);
    EXPECT_TRUE(run_until(rig_.loop, soon, [&] {
      program.output();
      return program.process().poll_exit().has_value();
    }));
    const Exit exit = program.wait(1s);
    return {exit.code, program.output()};
  }

  static constexpr Duration soon = 15s;
  Rig rig_;
  std::unique_ptr<BrokerProcess> broker_;
  std::unique_ptr<Asker> asker_;
  int lives_ = 0;
};

TEST_F(PoisonTest, IsListedRetriedAndCarriedOutThen) {
  EXPECT_THAT(parley({"poison", "list"}).output, HasSubstr("no request is set aside"));
  poison("the first");
  const Ran listed = parley({"poison", "list"});
  EXPECT_EQ(listed.code, 0);
  EXPECT_THAT(listed.output, HasSubstr("broker-1:1 "));
  EXPECT_THAT(listed.output, HasSubstr("c2c.send"));
  EXPECT_THAT(listed.output, Not(HasSubstr("the first"))) << "somebody's words";

  const auto healer = worker("worker-1");
  const Ran retried = parley({"poison", "retry", "broker-1:1"});
  EXPECT_EQ(retried.code, 0);
  EXPECT_EQ(retried.output, "broker-1: 1 retried\n");
  EXPECT_TRUE(run_until(rig_.loop, soon, [&] { return healer->seen.size() == 1; }));
  EXPECT_THAT(parley({"poison", "list"}).output, HasSubstr("no request is set aside"));
}

TEST_F(PoisonTest, IsDroppedByTicketOrAltogether) {
  poison("the first");
  poison("the second");
  poison("the third");
  const Ran one = parley({"poison", "drop", "broker-1:2"});
  EXPECT_EQ(one.code, 0);
  EXPECT_EQ(one.output, "broker-1: 1 dropped\n");
  const std::string left = parley({"poison", "list"}).output;
  EXPECT_THAT(left, testing::AllOf(HasSubstr("broker-1:1 "), Not(HasSubstr("broker-1:2 ")),
                                   HasSubstr("broker-1:3 ")));
  EXPECT_EQ(parley({"poison", "drop", "--all"}).output, "broker-1: 2 dropped\n");
  const auto healer = worker("worker-1");
  EXPECT_THAT(parley({"poison", "list"}).output, HasSubstr("no request is set aside"));
  EXPECT_TRUE(healer->seen.empty());
}

TEST_F(PoisonTest, TicketThatIsGoneOrOfNobodyIsSaid) {
  poison("the first");
  const Ran gone = parley({"poison", "drop", "broker-1:1", "broker-1:9"});
  EXPECT_EQ(gone.code, exit_runtime);
  EXPECT_EQ(gone.output, "broker-1: 1 dropped, 1 are not there\n");
  const Ran nobody = parley({"poison", "drop", "broker-7:1"});
  EXPECT_EQ(nobody.code, exit_runtime);
  EXPECT_THAT(nobody.output, HasSubstr("there is no broker broker-7"));
}

TEST_F(PoisonTest, NothingIsRetriedOrDroppedByAccident) {
  poison("the first");
  for (const char* action : {"retry", "drop"}) {
    EXPECT_EQ(parley({"poison", action}).code, exit_usage) << "neither a ticket nor --all";
    EXPECT_EQ(parley({"poison", action, "7"}).code, exit_usage) << "of which broker?";
    EXPECT_EQ(parley({"poison", action, "broker-1:1", "--all"}).code, exit_usage);
  }
  EXPECT_THAT(parley({"poison", "list"}).output, HasSubstr("broker-1:1 "));
}

}  // namespace
}  // namespace parley::test
