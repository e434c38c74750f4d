#include <nlohmann/json.hpp>

#include "cli/family.h"
#include "tests/support/cluster.h"
#include "tests/support/eventually.h"
#include "tests/support/program.h"

namespace parley::test {
namespace {

using Json = nlohmann::json;

class Load : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(cluster_.ready() && cluster_.wait_ready()); }

  std::vector<std::string> command(std::vector<std::string> options) {
    std::vector<std::string> all{"parley-load",
                                 "--gateway",
                                 cluster_.gateway(),
                                 "--pin",
                                 cluster_.pin(),
                                 "--database",
                                 postgres_in(cluster_.data()).url("postgres", "parley_app")};
    all.insert(all.end(), options.begin(), options.end());
    return all;
  }

  Cluster cluster_{{.gateway_environment = {"PARLEY_LIMITS_FRAMES_PER_SECOND=0",
                                            "PARLEY_LIMITS_MESSAGES_PER_SECOND=0"}}};
};

TEST_F(Load, AccountsForEveryMessageOfAClosedLoop) {
  const Ran ran = run_program(command({"--mode", "closed", "--pairs", "4", "--window", "3",
                                       "--processes", "2", "--warmup", "0.2", "--seconds", "1"}));
  ASSERT_EQ(ran.code, 0) << ran.output;
  const Json report = Json::parse(ran.output);
  EXPECT_TRUE(report.at("ok"));
  EXPECT_GT(report.at("acked"), 100);
  EXPECT_EQ(report.at("acked"), report.at("sent"));
  EXPECT_EQ(report.at("delivered"), report.at("acked"));
  EXPECT_EQ(report.at("rows").at("found"), report.at("acked"));
  EXPECT_EQ(std::to_string(report.at("acked").get<std::uint64_t>()),
            cluster_.sql("SELECT count(*) FROM parley.log").at(0).at(0));
}

// With a closed loop a stalled server is charged for one message of each client; here it is charged
// for everybody who would have written meanwhile.
TEST_F(Load, ChargesAStalledServerForThoseWhoWouldHaveWritten) {
  RunningProgram load(command({"--mode", "open", "--rate", "200", "--pairs", "4", "--warmup", "0",
                               "--seconds", "3", "--receipts", "0"}));
  ASSERT_TRUE(eventually(10s, [&] {
    return std::stoi(cluster_.sql("SELECT count(*) FROM parley.log").at(0).at(0)) > 50;
  }));
  cluster_.stop("gateway-1");
  // The stall itself, as long as it is meant to be: nothing happens that could be waited for.
  EXPECT_FALSE(eventually(1s, [] { return false; }));
  cluster_.cont("gateway-1");
  EXPECT_EQ(load.wait(20s).code, 0) << load.output();
  const Json report = Json::parse(load.output());
  EXPECT_NEAR(report.at("sent").get<double>(), 600, 2);
  // A second of three: the slowest waited all of it, and a good tenth of all waited for more than
  // half.
  EXPECT_GT(report.at("ack_us").at("max"), 900'000);
  EXPECT_GT(report.at("ack_us").at("p90"), 400'000);
}

TEST_F(Load, SeesARowThatNobodySent) {
  RunningProgram load(
      command({"--mode", "closed", "--pairs", "1", "--warmup", "0", "--seconds", "2"}));
  ASSERT_TRUE(eventually(10s, [&] {
    return std::stoi(cluster_.sql("SELECT count(*) FROM parley.log").at(0).at(0)) > 50;
  }));
  cluster_.sql(
      "WITH grown AS (UPDATE parley.conversation SET head = head + 1, counted = counted + 1"
      "  RETURNING id, head, counted)"
      "INSERT INTO parley.log (conversation, seq, time_ms, counted, client_id, sender, kind, body)"
      "  SELECT id, head, 0, counted, gen_random_uuid(), 1, 1, 'x' FROM grown");
  EXPECT_EQ(load.wait(30s).code, 1);
  const Json report = Json::parse(load.output());
  EXPECT_FALSE(report.at("ok"));
  EXPECT_EQ(report.at("rows").at("foreign"), 1);
  EXPECT_EQ(report.at("rows").at("found"), report.at("acked"));
}

TEST_F(Load, SeesARowThatIsGone) {
  RunningProgram load(
      command({"--mode", "closed", "--pairs", "1", "--warmup", "0", "--seconds", "2"}));
  ASSERT_TRUE(eventually(10s, [&] {
    return std::stoi(cluster_.sql("SELECT count(*) FROM parley.log").at(0).at(0)) > 50;
  }));
  cluster_.sql("DELETE FROM parley.log WHERE seq = 7");
  EXPECT_EQ(load.wait(30s).code, 1);
  const Json report = Json::parse(load.output());
  EXPECT_LT(report.at("rows").at("found"), report.at("acked"));
}

TEST_F(Load, SaysWhyItCannotBegin) {
  auto wrong_key = command({"--pairs", "1", "--seconds", "1"});
  wrong_key[4] = "1:" + std::string(64, '7');
  const Ran ran = run_program(wrong_key);
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.output, testing::StartsWith("parley-load: "));
}

}  // namespace
}  // namespace parley::test
