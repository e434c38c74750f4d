#include "bus/endpoint.h"

#include <gmock/gmock.h>

namespace parley::test {
namespace {

const CurveKeyPair own = make_curve_key_pair();
const std::string broker_key = make_curve_key_pair().public_key;

TEST(BusEndpoint, OfThisHostNeedsNoKey) {
  const auto endpoint = parse_bus_endpoint("ipc:///run/x", std::nullopt, PlainTcp::refused);
  ASSERT_TRUE(endpoint);
  EXPECT_EQ(*endpoint, BusEndpoint{"ipc:///run/x"});
  const auto blank = parse_bus_endpoint("ipc:///my data/x", std::nullopt, PlainTcp::refused);
  ASSERT_TRUE(blank) << blank.error().detail;
  EXPECT_EQ(*blank, BusEndpoint{"ipc:///my data/x"});
  const std::string long_as_a_key = "ipc:///" + std::string(33, 'x');
  ASSERT_TRUE(is_curve_key(long_as_a_key)) << "what this is about";
  EXPECT_TRUE(parse_bus_endpoint(long_as_a_key, std::nullopt, PlainTcp::refused));
}

TEST(BusEndpoint, APathAsLongAsAKeyIsNoKey) {
  const std::string path = "ipc:///tmp/parley-bus-nhxIhi/b1.gateways";
  ASSERT_EQ(path.size(), broker_key.size());
  EXPECT_TRUE(parse_bus_endpoint(path, std::nullopt, PlainTcp::refused));
}

TEST(BusEndpoint, OverTcpCarriesTheBrokersKeyAndOurs) {
  const auto endpoint =
      parse_bus_endpoint("tcp://10.0.0.5:7101 " + broker_key, own, PlainTcp::refused);
  ASSERT_TRUE(endpoint) << endpoint.error().detail;
  EXPECT_EQ(*endpoint, (BusEndpoint{"tcp://10.0.0.5:7101", CurveClient{broker_key, own}}));
}

TEST(BusEndpoint, OverTcpInClearMustBeAskedFor) {
  const auto refused = parse_bus_endpoint("tcp://h:1", own, PlainTcp::refused);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, testing::HasSubstr("tcp://h:1 PUBLICKEY"));
  EXPECT_EQ(parse_bus_endpoint("tcp://h:1", own, PlainTcp::allowed), BusEndpoint{"tcp://h:1"});
}

TEST(BusEndpoint, ThatNamesAKeyIsNeverInClear) {
  for (const PlainTcp plain : {PlainTcp::refused, PlainTcp::allowed}) {
    EXPECT_FALSE(parse_bus_endpoint("tcp://h:1 " + broker_key, std::nullopt, plain));
    EXPECT_FALSE(parse_bus_endpoint("tcp://h:1 " + broker_key.substr(1), own, plain));
    EXPECT_FALSE(parse_bus_endpoint("tcp://h:1  " + broker_key, own, plain));
    EXPECT_FALSE(parse_bus_endpoint("tcp://h:1 " + broker_key + " ", own, plain));
    EXPECT_FALSE(parse_bus_endpoint("ipc:///run/x " + broker_key, own, plain));
  }
}

TEST(BusEndpoint, OfAnotherKindIsRefused) {
  for (const char* text : {"", " ", "h:1", "inproc://x", "udp://h:1", "TCP://h:1"})
    EXPECT_FALSE(parse_bus_endpoint(text, own, PlainTcp::allowed)) << text;
}

TEST(BusSettings, WithoutABrokerOrWithAKeyFileThatIsNotThereAreRefused) {
  EXPECT_FALSE(load_bus_endpoints({}));
  EXPECT_TRUE(load_bus_endpoints({.brokers = {"ipc:///run/x"}}));
  EXPECT_FALSE(load_bus_endpoints({.brokers = {"ipc:///run/x"}, .key_file = "/nowhere"}));
  EXPECT_TRUE(load_bus_endpoints({.brokers = {"tcp://h:1"}, .tcp_without_keys = true}));
  EXPECT_FALSE(load_bus_endpoints({.brokers = {"ipc:///run/x", "tcp://h:1"}}));
}

}  // namespace
}  // namespace parley::test
