#include "cli/status_report.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

namespace parley {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

wire::BrokerStatus sample() {
  wire::BrokerStatus status;
  status.set_name("broker-1");
  status.set_uptime_ms(3'725'000);
  status.set_held(9);
  status.set_held_bytes(4'096);
  status.set_parked(1);
  auto& service = *status.add_services();
  service.set_name("c2c");
  service.set_workers(2);
  service.set_queued(7);
  service.set_queued_bytes(20'480);
  service.set_requests(100);
  service.set_redelivered(3);
  service.set_poisoned(1);
  service.set_answered(90);
  service.set_credit_exhausted(4);
  service.set_retry_hint_ms(200);
  auto& worker = *status.add_peers();
  worker.set_name("worker-1");
  worker.set_role(wire::PEER_ROLE_WORKER);
  worker.add_services("login");
  worker.add_services("c2c");
  worker.set_outstanding_messages(5);
  worker.set_credit_messages(1024);
  worker.set_waiting(6);
  worker.set_encrypted(true);
  auto& gateway = *status.add_peers();
  gateway.set_name("gateway-1");
  gateway.set_role(wire::PEER_ROLE_GATEWAY);
  gateway.set_draining(true);
  gateway.set_deliveries(12);
  gateway.set_undelivered_messages(2);
  gateway.set_delivery_messages(500);
  gateway.set_deliveries_waiting(3);
  gateway.set_deliveries_dropped(1);
  return status;
}

std::vector<BrokerAnswer> one_up_one_down() {
  return {{"ipc:///a", sample()},
          {"ipc:///b", fail(Errc::retry_later, "ipc:///b does not answer")}};
}

// The words of the line that begins with `first`.
std::vector<std::string> line_of(const std::string& table, const std::string& first) {
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::vector<std::string> found{std::istream_iterator<std::string>(words), {}};
    if (!found.empty() && found[0] == first) return found;
  }
  return {};
}

TEST(StatusTable, HasALineForEachServiceAndPeer) {
  const std::string table = status_table(one_up_one_down());
  EXPECT_THAT(table, HasSubstr("broker-1, up for 1 h 2 min; holds 9 requests (4096 B), "
                               "1 as poison, 0 late answers\n"));
  EXPECT_THAT(line_of(table, "c2c"), ElementsAre("c2c", "2", "7", "20", "KiB", "100", "90", "0",
                                                 "4", "3", "1", "200", "ms"));
  EXPECT_THAT(line_of(table, "worker-1"),
              ElementsAre("worker-1", "worker", "5/1024", "0", "B", "6", "0", "0", "-", "0", "0",
                          "0", "ms", "login", "c2c", "(encrypted)"));
  EXPECT_THAT(line_of(table, "gateway-1"),
              ElementsAre("gateway-1", "gateway", "-", "0", "B", "0", "0", "12", "2/500", "3", "1",
                          "0", "ms", "(draining)"));
}

TEST(StatusTable, SaysWhichBrokerDoesNotAnswer) {
  EXPECT_THAT(status_table(one_up_one_down()), HasSubstr("\nipc:///b does not answer\n"));
}

TEST(StatusJson, HoldsWhatTheTableShows) {
  const auto json = nlohmann::json::parse(status_json(one_up_one_down()));
  const auto& broker = json["brokers"][0];
  EXPECT_EQ(broker["name"], "broker-1");
  EXPECT_EQ(broker["services"][0]["redelivered"], 3);
  EXPECT_EQ(broker["services"][0]["poisoned"], 1);
  EXPECT_EQ(broker["services"][0]["answered"], 90);
  EXPECT_EQ(broker["services"][0]["credit_exhausted"], 4);
  EXPECT_EQ(broker["services"][0]["retry_hint_ms"], 200);
  EXPECT_EQ(broker["held"], 9);
  EXPECT_EQ(broker["parked"], 1);
  EXPECT_EQ(broker["peers"][0]["waiting"], 6);
  EXPECT_EQ(broker["peers"][0]["encrypted"], true);
  EXPECT_EQ(broker["peers"][1]["deliveries_dropped"], 1);
  EXPECT_EQ(broker["peers"][0]["services"], nlohmann::json({"login", "c2c"}));
  EXPECT_EQ(broker["peers"][1]["draining"], true);
  EXPECT_EQ(json["brokers"][1]["error"], "ipc:///b does not answer");
}

// A field that is added to the status and forgotten here would be missed by every dashboard.
TEST(StatusJson, HasEveryFieldOfAStatus) {
  std::ifstream file(std::string(std::getenv("PARLEY_TEST_SOURCE")) + "/proto/bus.proto");
  const std::string proto{std::istreambuf_iterator<char>(file), {}};
  const std::size_t begin = proto.find("message BrokerStatus");
  const std::string message = proto.substr(begin, proto.find("\n}\n", begin) - begin);
  const std::string json = status_json({{"ipc:///a", sample()}});
  const std::regex field(R"(\n *(?:repeated )?\w+ (\w+) = \d+;)");
  std::size_t fields = 0;
  for (std::sregex_iterator found(message.begin(), message.end(), field), end; found != end;
       ++found, ++fields)
    EXPECT_THAT(json, HasSubstr("\"" + (*found)[1].str() + "\":"));
  EXPECT_GT(fields, 35u);
}

TEST(StatusJson, SurvivesNamesThatAreNoText) {
  wire::BrokerStatus status = sample();
  *status.mutable_peers(0)->mutable_services(0) = "\xff\xfe";
  EXPECT_FALSE(nlohmann::json::parse(status_json({{"ipc:///a", status}})).empty());
}

TEST(MissingPeers, AreThoseThatNotEveryBrokerKnows) {
  const std::vector<BrokerAnswer> up{{"ipc:///a", sample()}};
  EXPECT_THAT(missing_peers(up, {"worker-1"}), IsEmpty());
  EXPECT_THAT(missing_peers(up, {"worker-1", "worker-2"}), ElementsAre("worker-2"));
  EXPECT_THAT(missing_peers(up, {"gateway-1"}), ElementsAre("gateway-1")) << "it is draining";
  EXPECT_THAT(missing_peers(one_up_one_down(), {"worker-1"}), ElementsAre("worker-1"));
}

}  // namespace
}  // namespace parley
