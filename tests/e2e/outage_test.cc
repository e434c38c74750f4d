// What people notice when a part of Parley is away for a while: a slower tick, nothing else.
#include <gmock/gmock.h>

#include "tests/e2e/people.h"
#include "tests/support/eventually.h"

namespace parley::test {
namespace {

constexpr Duration recovery = 30s;

class OutageTest : public PeopleTest {
 protected:
  // Sends while something is away; the answer comes when it is back.
  void send_meanwhile(const std::string& text) {
    ASSERT_TRUE(alice().client().send(conversation(), text));
  }
  void expect_all_arrive(const std::vector<std::string>& texts) {
    ASSERT_TRUE(alice()->run_until(
        recovery, [&] { return alice().client().unacknowledged() == 0; }))
        << "not everything was acknowledged";
    ASSERT_TRUE(bob()->run_until(recovery, [&] { return bob()->entries().size() == texts.size(); }))
        << "bob has " << bob()->entries().size() << " of " << texts.size();
    for (std::size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(bob()->entries()[i].body, texts[i]);
    EXPECT_EQ(rows(), std::to_string(texts.size())) << "stored another number of times";
  }
  std::string rows() {
    return cluster()
        .sql("SELECT count(*) FROM parley.log WHERE conversation = " +
             std::to_string(conversation().value))
        .at(0)
        .at(0);
  }
  // Time for what was sent to meet the outage.
  void let_it_try() {
    alice()->run_until(300ms, [] { return false; });
  }
};

TEST_F(OutageTest, GatewayThatRestartsIsComeBackTo) {
  ASSERT_TRUE(alice()->send(bob().user(), "before", soon));
  cluster().terminate("gateway-1");
  ASSERT_TRUE(alice()->run_until(soon, [&] { return !alice().client().is_ready(); }));
  send_meanwhile("meanwhile");
  cluster().start("gateway-1");
  expect_all_arrive({"before", "meanwhile"});
}

TEST_F(OutageTest, GatewayThatIsKilledIsComeBackTo) {
  ASSERT_TRUE(alice()->send(bob().user(), "before", soon));
  cluster().kill9("gateway-1");
  send_meanwhile("meanwhile");
  cluster().start("gateway-1");
  expect_all_arrive({"before", "meanwhile"});
}

TEST_F(OutageTest, PostgresThatIsAwayDelaysTheTick) {
  ASSERT_TRUE(alice()->send(bob().user(), "before", soon));
  cluster().terminate("postgres");
  send_meanwhile("meanwhile");
  let_it_try();
  EXPECT_EQ(alice().client().unacknowledged(), 1u) << "acknowledged without a database";
  cluster().start("postgres");
  expect_all_arrive({"before", "meanwhile"});
}

// Its backends outlive a killed postmaster for a moment, so a tick may still come; never for nothing.
TEST_F(OutageTest, PostgresThatCrashesLosesNothing) {
  ASSERT_TRUE(alice()->send(bob().user(), "before", soon));
  cluster().kill9("postgres");
  send_meanwhile("meanwhile");
  let_it_try();
  cluster().start("postgres");
  expect_all_arrive({"before", "meanwhile"});
}

TEST_F(OutageTest, RedisThatCrashesDelaysNoTick) {
  ASSERT_TRUE(alice()->send(bob().user(), "before", soon));
  cluster().kill9("redis");
  const auto ack = alice()->send(bob().user(), "meanwhile", soon);
  EXPECT_TRUE(ack) << ack.error().detail;
  cluster().start("redis");
  ASSERT_TRUE(alice()->send(bob().user(), "after", soon));
  expect_all_arrive({"before", "meanwhile", "after"});
}

TEST_F(OutageTest, RedisThatForgetsEverythingIsToldAgain) {
  ASSERT_TRUE(alice()->send(bob().user(), "before", soon));
  cluster().redis({"FLUSHALL"});
  ASSERT_TRUE(alice()->send(bob().user(), "after", soon));
  expect_all_arrive({"before", "after"});
}

// The last message of a conversation, told to nobody: no later one will show the gap.
TEST_F(OutageTest, WhatWasNotPushedIsSeenSoonAfterABrokerIsBack) {
  ASSERT_TRUE(alice()->send(bob().user(), "before", soon));
  expect_all_arrive({"before"});
  // He has looked at his list after the login.
  bob()->run_until(2s * slowness(), [] { return false; });
  // While routes are incomplete everybody is told everything.
  for (const char* key : {"parley:routes:emptied", "parley:routes:complete"})
    cluster().redis({"SET", key, "1"});
  cluster().redis({"DEL", "parley:route:" + std::to_string(bob().user().value)});
  ASSERT_TRUE(alice()->send(bob().user(), "last", soon));
  EXPECT_FALSE(bob()->run_until(500ms, [&] { return bob()->entries().size() > 1; }))
      << "it was pushed, so that this test shows nothing";
  cluster().kill9("broker-1");
  cluster().start("broker-1");
  expect_all_arrive({"before", "last"});
}

TEST_F(OutageTest, WithoutAnyWorkerMessagesWait) {
  for (const char* worker : {"worker-1", "worker-2"}) cluster().kill9(worker);
  send_meanwhile("one");
  send_meanwhile("two");
  let_it_try();
  for (const char* worker : {"worker-1", "worker-2"}) cluster().start(worker);
  expect_all_arrive({"one", "two"});
}

TEST_F(OutageTest, WithoutAnyBrokerMessagesWait) {
  for (const char* broker : {"broker-1", "broker-2"}) cluster().kill9(broker);
  send_meanwhile("one");
  send_meanwhile("two");
  let_it_try();
  for (const char* broker : {"broker-1", "broker-2"}) cluster().start(broker);
  expect_all_arrive({"one", "two"});
}

TEST_F(OutageTest, WorkersThatStartBeforeTheirServersWaitForThem) {
  cluster().terminate("worker-1");
  cluster().terminate("worker-2");
  cluster().terminate("postgres");
  cluster().terminate("redis");
  cluster().start("worker-1");
  cluster().start("worker-2");
  send_meanwhile("early");
  let_it_try();
  cluster().start("postgres");
  cluster().start("redis");
  expect_all_arrive({"early"});
}

}  // namespace
}  // namespace parley::test
